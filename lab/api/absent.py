"""Routes of what Docker can do and this engine cannot yet: answered by the command's name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from lab.errors import Unavailable, Unsupported

_NOT_A_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)

_ABSENT = [
    ("HEAD", "/containers/{id}/archive", "cp"),
    ("GET", "/containers/{id}/archive", "cp"),
    ("PUT", "/containers/{id}/archive", "cp"),
    ("POST", "/containers/prune", "container prune"),
    ("GET", "/system/df", "system df"),
    ("GET", "/plugins", "plugin"),
    ("POST", "/swarm/init", "swarm"),
    ("POST", "/swarm/join", "swarm"),
]
_SWARM = ("/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs")


def _refuse(command: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def refuse(request: web.Request) -> web.Response:
        raise Unsupported(f"this engine does not support docker {command} yet")

    return refuse


async def _no_swarm(request: web.Request) -> web.Response:
    raise Unavailable(_NOT_A_SWARM)


ROUTES = [
    *((method, path, _refuse(command)) for method, path, command in _ABSENT),
    *(("GET", path, _no_swarm) for path in _SWARM),
]
