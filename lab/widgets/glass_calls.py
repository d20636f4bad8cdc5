"""What a call of the Docker Engine API is for, which command makes it, and whom it takes to answer.

Source: Docker Engine API reference; the calls that docker CLI 28 makes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_VERSION = re.compile(r"^/v\d+\.\d+(?=/)")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a call is for: the key of a text (`api_KEY`), and the command that is known by it.

    Of several calls of one command, that of the highest rank tells which it was; `parts` are
    those of the engine that answer: registry, images, containers, networks, in this order.
    """

    key: str
    command: str = ""
    rank: int = 0
    parts: tuple[str, ...] = ()


_C, _I, _N = ("containers",), ("images",), ("networks",)

# method, path, key, command, rank, parts
_ROUTES: list[tuple[str, str, str, str, int, tuple[str, ...]]] = [
    ("HEAD", "/_ping", "ping", "", 0, ()),
    ("GET", "/_ping", "ping", "", 0, ()),
    ("GET", "/version", "version", "docker version", 1, ()),
    ("GET", "/info", "info", "docker info", 2, ()),
    ("GET", "/events", "events", "docker events", 5, ()),
    ("GET", "/system/df", "df", "docker system df", 5, ("images", "containers")),
    ("POST", "/auth", "auth", "docker login", 5, ("registry",)),
    ("POST", "/session", "session", "", 0, ()),
    ("POST", "/grpc", "session", "", 0, ()),
    ("POST", "/build", "build", "docker build", 20, _I),
    ("POST", "/build/prune", "prune", "docker builder prune", 6, _I),
    ("POST", "/commit", "commit", "docker commit", 9, ("containers", "images")),
    ("GET", "/images/json", "images", "docker images", 4, _I),
    ("POST", "/images/create", "pull", "docker pull", 8, ("registry", "images")),
    ("GET", "/images/search", "search", "docker search", 5, ("registry",)),
    ("GET", "/images/get", "save", "docker save", 6, _I),
    ("POST", "/images/load", "load", "docker load", 6, _I),
    ("POST", "/images/prune", "prune", "docker image prune", 6, _I),
    ("POST", "/images/*/push", "push", "docker push", 9, ("images", "registry")),
    ("POST", "/images/*/tag", "tag", "docker tag", 6, _I),
    ("GET", "/images/*/history", "history", "docker history", 6, _I),
    ("GET", "/images/*/get", "save", "docker save", 6, _I),
    ("GET", "/images/*/json", "image", "docker image inspect", 3, _I),
    ("DELETE", "/images/*", "rmi", "docker rmi", 7, _I),
    ("GET", "/distribution/*/json", "distribution", "", 1, ("registry",)),
    ("GET", "/containers/json", "ps", "docker ps", 4, _C),
    ("POST", "/containers/create", "create", "docker create", 10, ("images", "containers")),
    ("POST", "/containers/prune", "prune", "docker container prune", 6, _C),
    ("POST", "/containers/*/start", "start", "docker start", 9, _C),
    ("POST", "/containers/*/stop", "stop", "docker stop", 9, _C),
    ("POST", "/containers/*/restart", "restart", "docker restart", 9, _C),
    ("POST", "/containers/*/kill", "kill", "docker kill", 8, _C),
    ("POST", "/containers/*/pause", "pause", "docker pause", 8, _C),
    ("POST", "/containers/*/unpause", "unpause", "docker unpause", 8, _C),
    ("POST", "/containers/*/rename", "rename", "docker rename", 8, _C),
    ("POST", "/containers/*/update", "update", "docker update", 8, _C),
    ("POST", "/containers/*/wait", "wait", "docker wait", 3, _C),
    ("POST", "/containers/*/attach", "attach", "docker attach", 5, _C),
    ("POST", "/containers/*/resize", "resize", "", 0, _C),
    ("POST", "/containers/*/exec", "exec", "docker exec", 9, _C),
    ("POST", "/exec/*/start", "exec_start", "docker exec", 9, _C),
    ("POST", "/exec/*/resize", "resize", "", 0, _C),
    ("GET", "/exec/*/json", "exec_json", "", 0, _C),
    ("GET", "/containers/*/logs", "logs", "docker logs", 6, _C),
    ("GET", "/containers/*/top", "top", "docker top", 6, _C),
    ("GET", "/containers/*/stats", "stats", "docker stats", 6, _C),
    ("GET", "/containers/*/changes", "changes", "docker diff", 6, _C),
    ("GET", "/containers/*/export", "export", "docker export", 6, _C),
    ("HEAD", "/containers/*/archive", "archive", "docker cp", 6, _C),
    ("GET", "/containers/*/archive", "archive", "docker cp", 6, _C),
    ("PUT", "/containers/*/archive", "archive", "docker cp", 6, _C),
    ("GET", "/containers/*/json", "inspect", "docker inspect", 3, _C),
    ("DELETE", "/containers/*", "rm", "docker rm", 9, _C),
    ("GET", "/networks", "networks", "docker network ls", 5, _N),
    ("POST", "/networks/create", "network_create", "docker network create", 7, _N),
    ("POST", "/networks/prune", "prune", "docker network prune", 6, _N),
    ("POST", "/networks/*/connect", "connect", "docker network connect", 7, _N),
    ("POST", "/networks/*/disconnect", "disconnect", "docker network disconnect", 7, _N),
    ("GET", "/networks/*", "network", "docker network inspect", 5, _N),
    ("DELETE", "/networks/*", "network_rm", "docker network rm", 7, _N),
    ("GET", "/volumes", "volumes", "docker volume ls", 5, _N),
    ("POST", "/volumes/create", "volume_create", "docker volume create", 7, _N),
    ("POST", "/volumes/prune", "prune", "docker volume prune", 6, _N),
    ("GET", "/volumes/*", "volume", "docker volume inspect", 5, _N),
    ("DELETE", "/volumes/*", "volume_rm", "docker volume rm", 7, _N),
]

KEYS = tuple(dict.fromkeys(key for _, _, key, *_ in _ROUTES))

_TABLE = [
    (method, re.compile(re.escape(path).replace(r"\*", ".+")), Purpose(key, command, rank, parts))
    for method, path, key, command, rank, parts in _ROUTES
]


def purpose(method: str, path: str) -> Purpose:
    """Return what a call is for; an empty purpose if that is not known."""
    bare = unquote(_VERSION.sub("", urlsplit(path).path))
    for known, pattern, found in _TABLE:
        if method == known and pattern.fullmatch(bare):
            return found
    return Purpose("")


def command_of(calls: Sequence[tuple[str, str]]) -> str:
    """Return the docker command that makes such calls, each a method and a path; empty: unknown."""
    purposes = [purpose(method, path) for method, path in calls]
    keys = {each.key for each in purposes}
    if "create" in keys and "start" in keys:
        return "docker run"
    best = max(purposes, key=lambda each: each.rank, default=Purpose(""))
    if best.key == "ps" and any("all=1" in path for _, path in calls):
        return "docker ps -a"
    if best.key == "rm" and any("force=1" in path for _, path in calls):
        return "docker rm -f"
    return best.command
