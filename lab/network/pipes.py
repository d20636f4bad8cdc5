"""Pipes through which bytes go from socket to socket."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

Pipe = tuple[int, int]
"""The reading and the writing end."""

CHUNK = 1 << 20
"""Bytes that are moved at once; a large pipe takes as many in pieces of a page, or more."""
SMALL = 1 << 12
"""Bytes that fit into an empty pipe even where the kernel gives this user small ones only: a page."""


class PipePool:
    """Empty pipes for the next flow; at most `idle` are kept, and as many at once are large.

    There is a limit for all the pipes of a user, beyond which new ones are small: so not all are.
    `buffer` is for a piece that goes through no pipe.  Source: pipe(7), pipe-user-pages-soft.
    """

    def __init__(self, idle: int = 16) -> None:
        self.buffer = memoryview(bytearray(SMALL))
        self._idle = idle
        self._open = 0
        self._pipes: list[Pipe] = []

    def take(self) -> Pipe | None:
        """Return an empty pipe, or None while the process can have no more descriptors."""
        if self._pipes:
            return self._pipes.pop()
        try:
            pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        self._open += 1
        if self._open <= self._idle:
            with suppress(OSError):
                fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, CHUNK)
        return pipe

    def give(self, pipe: Pipe) -> None:
        """Take back a pipe that is empty."""
        if len(self._pipes) < self._idle:
            self._pipes.append(pipe)
        else:
            self.discard(pipe)

    def discard(self, pipe: Pipe) -> None:
        """Close a pipe, and with it what is still in it."""
        self._open -= 1
        os.close(pipe[0])
        os.close(pipe[1])

    def close(self) -> None:
        """Close all pipes that are kept."""
        while self._pipes:
            self.discard(self._pipes.pop())
