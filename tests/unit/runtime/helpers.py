"""Streams without a container: clients, and a loop that leaves no descriptor open."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from lab.runtime.stdio import STDOUT, Streams

LIMIT = 5.0


class FakeClient:
    """Somebody who is attached; has room while `room` is true."""

    def __init__(self) -> None:
        self.got: list[tuple[int, bytes]] = []
        self.finished = 0
        self.room = True

    def send(self, stream: int, data: bytes) -> None:
        self.got.append((stream, data))

    def ready(self) -> bool:
        return self.room

    def finish(self) -> None:
        self.finished += 1

    def text(self, stream: int = STDOUT) -> bytes:
        return b"".join(data for number, data in self.got if number == stream)


def in_loop(work: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work(), LIMIT)

    before = set(os.listdir("/proc/self/fd"))
    asyncio.run(limited())
    assert set(os.listdir("/proc/self/fd")) == before, "a descriptor was left open"


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def begin(streams: Streams) -> tuple[int, int, int]:
    """Start a run; return the child's own copies of its three descriptors."""
    child = [os.dup(fd) for fd in streams.open()]
    streams.started()
    return child[0], child[1], child[2]


def close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)
