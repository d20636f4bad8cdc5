"""Bytes from one socket to another through a pipe, inside the kernel, never waiting.

A connection is two flows, one per direction.  A flow holds a pipe only while bytes are on their
way, so an idle connection costs two descriptors; what the sink does not take stays in the pipe,
and nothing more is read: that is the back-pressure.  Source: splice(2), epoll(7).
"""

from __future__ import annotations

import enum
import errno
import fcntl
import os
import select
import socket
import struct
import termios

Pipe = tuple[int, int]
"""The reading and the writing end."""

_CHUNK = 1 << 20
_ROUNDS = 16
"""How often one flow may move a chunk before others get their turn."""
_NONBLOCK = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
_LINGER_NOT = struct.pack("=ii", 1, 0)
_READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_WRITABLE = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR
EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""Errors that mean: not now."""


class Progress(enum.Enum):
    """What a flow or a connection needs next."""

    WAITING = "the next event of a socket"
    MORE = "another turn, without an event"
    STARVED = "a pipe"
    DONE = "nothing"


class PipePool:
    """Empty pipes for the next flow; at most `idle` are kept."""

    def __init__(self, idle: int = 16) -> None:
        self._idle = idle
        self._pipes: list[Pipe] = []

    def take(self) -> Pipe | None:
        """Return an empty pipe, or None while the process can have no more descriptors."""
        if self._pipes:
            return self._pipes.pop()
        try:
            return os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None

    def give(self, pipe: Pipe) -> None:
        """Take back a pipe that is empty."""
        if len(self._pipes) < self._idle:
            self._pipes.append(pipe)
        else:
            self.discard(pipe)

    def discard(self, pipe: Pipe) -> None:
        """Close a pipe, and with it what is still in it."""
        os.close(pipe[0])
        os.close(pipe[1])

    def close(self) -> None:
        """Close all pipes that are kept."""
        while self._pipes:
            self.discard(self._pipes.pop())


class Flow:
    """One direction: what `source` sends, its end included, goes to `sink`."""

    __slots__ = ("_in", "_out", "_sink", "broken", "ended", "finished", "lost", "pending", "pipe")

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self._sink = sink
        self._in, self._out = source.fileno(), sink.fileno()
        self.pipe: Pipe | None = None
        self.pending = 0
        self.ended = False
        """The source will send no more."""
        self.lost = False
        """The source ended by an error, so that nothing can be sent to it either."""
        self.broken = False
        """The sink takes no more."""
        self.finished = False
        """All is passed on that ever will be."""

    def pump(self, pipes: PipePool) -> Progress:
        """Move what can be moved now."""
        if self.finished:
            return Progress.DONE
        pipe = self.pipe or pipes.take()
        if pipe is None:
            return Progress.STARVED
        progress = self._move(pipe)
        if self.pending:
            self.pipe = pipe
        else:
            self.pipe = None
            pipes.give(pipe)
        return progress

    def drop(self, pipes: PipePool) -> None:
        """Give up what is still on its way."""
        self.finished = True
        if self.pipe:
            pipes.discard(self.pipe)
            self.pipe, self.pending = None, 0

    def _move(self, pipe: Pipe) -> Progress:
        reader, writer = pipe
        for _ in range(_ROUNDS):
            if not self.pending and not self._fill(writer):
                return self._finish() if self.ended else Progress.WAITING
            try:
                self.pending -= os.splice(reader, self._out, self.pending, flags=_NONBLOCK)
            except BlockingIOError:
                return Progress.WAITING
            except OSError:
                # what the sink sent before is still to be read
                self.finished = self.broken = True
                return Progress.DONE
        return Progress.MORE

    def _fill(self, writer: int) -> bool:
        """Take from the source; False if there is nothing, now or ever again (`ended`)."""
        if self.ended:
            return False
        try:
            self.pending = os.splice(self._in, writer, _CHUNK, flags=_NONBLOCK)
        except BlockingIOError:
            return False
        except OSError:
            self.lost = True
        self.ended = not self.pending
        return not self.ended

    def _finish(self) -> Progress:
        self.finished = True
        if not self.lost:
            try:
                self._sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it is gone already
        return Progress.DONE


class Connection:
    """A client's connection to a published port, and ours to the container."""

    __slots__ = (
        "_client_fd",
        "_connecting",
        "_down",
        "_reset",
        "_up",
        "client",
        "closed",
        "upstream",
    )

    def __init__(self, client: socket.socket, upstream: socket.socket) -> None:
        self._client_fd = client.fileno()
        self.client = client
        self.upstream = upstream
        self.closed = False
        self._up = Flow(client, upstream)
        self._down = Flow(upstream, client)
        self._connecting = True
        self._reset = False

    def on_event(self, fd: int, events: int, pipes: PipePool) -> Progress:
        """Do what epoll's `events` for the descriptor `fd`, one of the two, allow to do."""
        of_client = fd == self._client_fd
        if self._connecting:
            return self._on_connecting(of_client, events, pipes)
        reading, writing = (self._up, self._down) if of_client else (self._down, self._up)
        progress = Progress.WAITING
        if events & _READABLE:
            progress = reading.pump(pipes)
        if events & select.EPOLLERR and reading.finished:
            self._reset = True
            writing.drop(pipes)
        elif events & _WRITABLE and writing.pending:
            progress = _busier(progress, writing.pump(pipes))
        return self._conclude(progress, pipes)

    def resume(self, pipes: PipePool) -> Progress:
        """Go on where `on_event` or this stopped with MORE or STARVED."""
        progress = _busier(self._up.pump(pipes), self._down.pump(pipes))
        return self._conclude(progress, pipes)

    def close(self, pipes: PipePool) -> None:
        """Close both sockets; an error of one side is passed on to the other."""
        self._up.drop(pipes)
        self._down.drop(pipes)
        hang_up(self.client, self._reset)
        hang_up(self.upstream, self._reset)

    def _on_connecting(self, of_client: bool, events: int, pipes: PipePool) -> Progress:
        failed = events & (select.EPOLLERR | select.EPOLLHUP)
        if failed:
            # the container refuses or is gone, or the client did not wait
            self._reset = True
            return Progress.DONE
        if of_client or not events & select.EPOLLOUT:
            return Progress.WAITING
        self._connecting = False
        return self.resume(pipes)

    def _conclude(self, progress: Progress, pipes: PipePool) -> Progress:
        if not (self._up.finished or self._down.finished):
            return progress
        for flow, opposite in ((self._up, self._down), (self._down, self._up)):
            if flow.lost:
                opposite.drop(pipes)
            if flow.lost or flow.broken:
                self._reset = True
        if self._up.finished and self._down.finished:
            return Progress.DONE
        return Progress.WAITING if progress is Progress.DONE else progress


def hang_up(sock: socket.socket, reset: bool) -> None:
    """Close a connected socket; with `reset` its peer gets an error instead of an end of file.

    Bytes that the peer has not yet received would be lost by a reset, so then it gets the end.
    """
    try:
        if reset and not _unsent(sock):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    except OSError:
        pass  # not connected any more
    sock.close()


def _unsent(sock: socket.socket) -> int:
    (count,) = struct.unpack("=i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))
    return int(count)


def _busier(one: Progress, other: Progress) -> Progress:
    for progress in (Progress.MORE, Progress.STARVED, Progress.WAITING):
        if progress in (one, other):
            return progress
    return Progress.DONE
