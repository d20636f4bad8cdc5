"""A local connection coupled with a stream: what one of them receives, the other one sends."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

from lab.sandbox.vm.loop import READ, WRITE, Loop
from lab.sandbox.vm.mux import READ_SIZE
from lab.sandbox.vm.stream import Stream


class Pump:
    """Works until both directions have ended or one side is lost, then closes the socket.

    `sock` is connected, and belongs to the pump from now on.  Half-closing is carried over in both
    directions: a client that has sent everything may still wait for the answer.
    """

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        stream: Stream,
        on_end: Callable[[Pump], None] | None = None,
    ) -> None:
        sock.setblocking(False)
        self._loop = loop
        self._socket = sock
        self._stream = stream
        self._on_end = on_end
        self._pending: deque[memoryview] = deque()
        self._events = 0
        self._reads = True
        self._writes = True
        self._broken = False
        self._ended = False
        stream.receiver = self
        self._watch()

    def close(self) -> None:
        """Give up both sides."""
        if not self._ended:
            self._stream.reset()
            self._end()

    def data(self, content: memoryview) -> None:
        """Receiver: write it at once if nothing waits before it."""
        self._pending.append(content)
        if len(self._pending) == 1:
            self._write()
            self._watch()

    def finished(self) -> None:
        """Receiver: no more content will come."""
        self._writes = False
        self._end_writing()
        self._watch()

    def lost(self) -> None:
        """Receiver: the other end is gone."""
        self._end()

    def resumed(self) -> None:
        """Receiver: the stream may have room."""
        self._watch()

    def _on_events(self, events: int) -> None:
        if events & WRITE:
            self._write()
        if events & READ and not self._ended:
            self._read()
        self._watch()

    def _read(self) -> None:
        room = self._stream.room
        if not self._reads or not room:
            return
        try:
            content = self._socket.recv(min(READ_SIZE, room))
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if content:
            self._stream.send(content)
        elif self._broken:
            self.close()
        else:
            self._reads = False
            self._stream.finish()
            self._end_if_over()

    def _write(self) -> None:
        consumed = 0
        while self._pending:
            piece = self._pending[0]
            try:
                sent = len(piece) if self._broken else self._socket.send(piece)
            except BlockingIOError:
                break
            except OSError:
                # what it has sent before it left is still to be read
                self._broken = True
                continue
            consumed += sent
            if sent == len(piece):
                self._pending.popleft()
            else:
                self._pending[0] = piece[sent:]
        self._stream.consumed(consumed)
        if self._broken and not self._reads:
            self.close()
        elif not self._writes:
            self._end_writing()

    def _end_writing(self) -> None:
        if self._pending or self._ended:
            return
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._broken = True
        self._end_if_over()

    def _end_if_over(self) -> None:
        if not self._reads and not self._writes and not self._pending:
            self._end()

    def _watch(self) -> None:
        if self._ended:
            return
        wanted = READ if self._reads and self._stream.room else 0
        if self._pending:
            wanted |= WRITE
        if wanted != self._events:
            self._loop.change(self._socket, self._events, wanted, self._on_events)
            self._events = wanted

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._events:
            self._loop.forget(self._socket)
        self._socket.close()
        self._pending.clear()
        if self._on_end is not None:
            self._on_end(self)
