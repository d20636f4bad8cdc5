"""Which namespaces the host, the sandbox and each container are in, and so who shares which.

Source: namespaces(7); ioctl_ns(2) and socket(7) for the network namespace of a socket.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from socket import socket

from lab.engine.containers import Container, Containers
from lab.errors import Conflict
from lab.kernel import procfs

HOST, SANDBOX, CONTAINER = "host", "sandbox", "container"

_SIOCGSKNS = 0x894C


@dataclass(frozen=True, slots=True)
class Place:
    """The host, the sandbox, or a container that runs.

    `namespaces` maps the kernel's names (`mnt`, `pid`, `net`, ...) to inode numbers; what cannot
    be known here is not in it.  `pid` is the sandbox's number of a container's first process.
    """

    kind: str
    namespaces: Mapping[str, int]
    id: str = ""
    name: str = ""
    pid: int = 0


class NamespaceView:
    """Looks; belongs to the event loop's thread."""

    def __init__(
        self,
        host: Mapping[str, int],
        socket_of_sandbox: Callable[[], socket],
        containers: Containers,
    ) -> None:
        """`host` is what the launcher knows of itself; `socket_of_sandbox` makes a socket in the
        sandbox's network namespace, which this process is not in."""
        self._host = dict(host)
        self._socket_of_sandbox = socket_of_sandbox
        self._containers = containers
        self._sandbox: dict[str, int] | None = None

    async def places(self) -> list[Place]:
        """Return the host, the sandbox, and all containers that run, the latest first."""
        running = [each for each in self._containers.all() if each.record.state.is_running]
        asked = [(each.id, each.name, each.record.state.pid) for each in running]
        return await asyncio.to_thread(self._places, asked)

    async def of(self, container: Container) -> Place:
        """Return one container's place; Conflict if it does not run."""
        pid = running_pid(container)
        return await asyncio.to_thread(_place, container.id, container.name, pid)

    def _places(self, asked: Sequence[tuple[str, str, int]]) -> list[Place]:
        if self._sandbox is None:
            self._sandbox = self._look_at_sandbox()
        return [
            Place(HOST, self._host, name=HOST),
            Place(SANDBOX, self._sandbox, name=SANDBOX, pid=1),
            *(_place(*each) for each in asked),
        ]

    def _look_at_sandbox(self) -> dict[str, int]:
        """This process is in all namespaces of the sandbox but one."""
        found = procfs.namespaces("self")
        with self._socket_of_sandbox() as inside:
            fd = fcntl.ioctl(inside, _SIOCGSKNS)
            try:
                found["net"] = os.fstat(fd).st_ino
            finally:
                os.close(fd)
        return found


def running_pid(container: Container) -> int:
    """Return the sandbox's number of a container's first process; Conflict if it does not run."""
    if not container.record.state.is_running:
        raise Conflict(f"container {container.id} is not running")
    return container.record.state.pid


def shared(places: Sequence[Place]) -> dict[str, dict[int, list[Place]]]:
    """Return who is in each namespace: by its kind, then its inode number."""
    found: dict[str, dict[int, list[Place]]] = {}
    for place in places:
        for kind, inode in place.namespaces.items():
            found.setdefault(kind, {}).setdefault(inode, []).append(place)
    return found


def _place(identity: str, name: str, pid: int) -> Place:
    return Place(CONTAINER, procfs.namespaces(pid), identity, name, pid)
