"""Bytes from one socket to another through a pipe, inside the kernel, never waiting.

A small piece, such as a request, is read and sent instead: that takes fewer system calls.

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

from lab.network.pipes import CHUNK, SMALL, Pipe, PipePool

_ROUNDS = 16
"""How often one flow may move a chunk before others get their turn."""
_NONBLOCK = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
_LINGER_NOT = struct.pack("=ii", 1, 0)
_SPECIAL = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR | select.EPOLLPRI
"""With these, a read that returns little does not mean that there is nothing behind it."""
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


class Flow:
    """One direction: what `source` sends, its end included, goes to `sink`."""

    __slots__ = (
        "_in",
        "_is_large",
        "_out",
        "_sink",
        "_source",
        "broken",
        "ended",
        "finished",
        "lost",
        "pending",
        "pipe",
    )

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self._source, self._sink = source, sink
        self._is_large = False
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

    def pump(self, pipes: PipePool, tries_small: bool = False) -> Progress:
        """Move what can be moved now; with `tries_small`, all that there is may be a small piece."""
        if self.finished:
            return Progress.DONE
        pipe = self.pipe or pipes.take()
        if pipe is None:
            return Progress.STARVED
        progress = None
        if tries_small and not self.pending and not self._is_large:
            progress = self._pass_small(pipe, pipes.buffer)
        if progress is None:
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

    def _pass_small(self, pipe: Pipe, buffer: memoryview) -> Progress | None:
        """Pass on one small piece; None if there is more.

        Less than was asked for means that nothing else had come, and the next piece is an event.
        """
        try:
            count = self._source.recv_into(buffer)
        except BlockingIOError:
            return Progress.WAITING
        except OSError:
            self.lost = True
            count = 0
        if not count:
            self.ended = True
            return self._finish()
        try:
            sent = self._sink.send(buffer[:count])
        except BlockingIOError:
            sent = 0
        except OSError:
            self.finished = self.broken = True
            return Progress.DONE
        if sent < count:
            # it has room for this: it was empty
            self.pending = os.write(pipe[1], buffer[sent:count])
        if count < len(buffer):
            return Progress.WAITING
        self._is_large = True
        return None

    def _move(self, pipe: Pipe) -> Progress:
        reader, writer = pipe
        moved = 0
        for _ in range(_ROUNDS):
            if not self.pending and not self._fill(writer):
                if 0 < moved < SMALL:
                    self._is_large = False
                return self._finish() if self.ended else Progress.WAITING
            try:
                count = os.splice(reader, self._out, self.pending, flags=_NONBLOCK)
            except BlockingIOError:
                return Progress.WAITING
            except OSError:
                # what the sink sent before is still to be read
                self.finished = self.broken = True
                return Progress.DONE
            self.pending -= count
            moved += count
        return Progress.MORE

    def _fill(self, writer: int) -> bool:
        """Take from the source; False if there is nothing, now or ever again (`ended`)."""
        if self.ended:
            return False
        try:
            self.pending = os.splice(self._in, writer, CHUNK, flags=_NONBLOCK)
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
            progress = reading.pump(pipes, not events & _SPECIAL)
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
        # what the container sends from now on is an event of its own
        progress = self._up.pump(pipes)
        if events & _READABLE:
            progress = _busier(progress, self._down.pump(pipes))
        return self._conclude(progress, pipes)

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
