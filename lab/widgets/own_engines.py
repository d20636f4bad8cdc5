"""Where a Docker Engine of the learner's own may be, and which of them answer.

To look is to read the docker CLI's contexts and to ask `GET /version`: nothing is changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.client import check_docker_host, name_engine
from lab.errors import LabError

_SCHEME = "unix://"


@dataclass(frozen=True, slots=True)
class Found:
    """An engine that answers, and what it calls itself."""

    address: str
    name: str


def candidates(home: Path, environ: Mapping[str, str]) -> list[str]:
    """Return the addresses at which a Docker Engine of this user may listen, the likeliest first."""
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    usual = [
        Path("/var/run/docker.sock"),
        Path(runtime) / "docker.sock",  # rootless
        home / ".docker" / "run" / "docker.sock",  # Docker Desktop
        home / ".docker" / "desktop" / "docker.sock",  # Docker Desktop for Linux
    ]
    return list(dict.fromkeys([*_of_contexts(home), *(f"{_SCHEME}{path}" for path in usual)]))


def look(addresses: list[str], besides: str) -> list[Found]:
    """Return the engines that answer, each once; not the one at the address `besides`."""
    seen = {_place(besides)}
    found = []
    for address in addresses:
        place = _place(address)
        if place in seen:
            continue
        seen.add(place)
        try:
            found.append(Found(address, name_engine(check_docker_host(address))))
        except LabError:
            continue
    return found


def _of_contexts(home: Path) -> Iterator[str]:
    """Yield the sockets that `docker context ls` would name."""
    for path in sorted((home / ".docker" / "contexts" / "meta").glob("*/meta.json")):
        try:
            host = json.loads(path.read_text(encoding="utf-8"))["Endpoints"]["docker"]["Host"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(host, str) and host.startswith(f"{_SCHEME}/"):
            yield host


def _place(address: str) -> str:
    return os.path.realpath(address.removeprefix(_SCHEME))
