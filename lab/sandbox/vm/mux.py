"""Many channels over one byte stream, the guest's virtio-serial port; the same class at both ends.

    frame   = stream (u32) kind (u8) pad (3) length (u32), little endian; then the payload
    OPEN    payload is a JSON object that says what the stream is to reach
    DATA    payload is content; on stream 0 it is one JSON object, a message
    CREDIT  no payload: `length` more bytes may be sent on this stream
    FIN     no payload: the sender has nothing more to send, and goes on receiving
    RESET   no payload: the stream is over, in both directions

Each end may send WINDOW bytes ahead of what the other has passed on, and no more, so a slow reader
holds back its own stream and no other.  Whoever opens a stream numbers it: the host odd, the guest
even.  Content is handed on as it arrives, without waiting for a whole frame: the guest's port
yields at most a page at a time, and its Python is thirteen times slower than the host's.
"""

from __future__ import annotations

import json
import os
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from lab.errors import Unavailable
from lab.sandbox.vm.loop import READ, WRITE, Loop
from lab.sandbox.vm.stream import CREDIT, DATA, FIN, OPEN, RESET, Receiver, Stream

Message = dict[str, Any]

READ_SIZE = 64 * 1024
_READ_ROUND = 256 * 1024
_BACKLOG_FULL = 512 * 1024
_MESSAGE_LIMIT = 1 << 20

_HEADER = struct.Struct("<IBxxxI")
HOST, GUEST = 1, 2
"""The first stream number of each end."""


def _no_streams(stream: Stream, target: Message) -> None:
    stream.reset()


class Mux:
    """One end.  `fd` is non-blocking, and stays the caller's to close.

    `on_message` gets what the other end has sent with `send`; `on_open` gets each stream that it
    opens, with its description, and sets its receiver or resets it; `on_end` is called once when
    the byte stream has ended or failed, after all streams were told that they are lost.
    """

    def __init__(
        self,
        loop: Loop,
        fd: int,
        first: int,
        on_message: Callable[[Message], None],
        on_end: Callable[[], None],
        on_open: Callable[[Stream, Message], None] = _no_streams,
    ) -> None:
        self._loop = loop
        self._fd = fd
        self._next = first
        self._on_message = on_message
        self._on_end = on_end
        self._on_open = on_open
        self._streams: dict[int, Stream] = {}
        self._out: deque[bytes | memoryview] = deque()
        self._backlog = 0
        self._starved = False
        self._flushing = False
        self._events = READ
        self._rest = b""
        self._current = 0
        self._left = 0
        self.closed = False
        loop.watch(fd, READ, self._on_events)

    @property
    def congested(self) -> bool:
        """Whether so much waits to be written that streams must wait; they are told afterwards."""
        full = self._backlog >= _BACKLOG_FULL
        self._starved = self._starved or full
        return full

    @property
    def idle(self) -> bool:
        """Whether everything has been written."""
        return not self._backlog

    def send(self, message: Message) -> None:
        """Send a message to the other end."""
        payload = json.dumps(message).encode()
        self.put(0, DATA, len(payload), payload)

    def open(self, target: Message) -> Stream:
        """Open a stream to what `target` describes; it can be sent on at once."""
        stream = self._add(self._next)
        self._next += 2
        payload = json.dumps(target).encode()
        self.put(stream.number, OPEN, len(payload), payload)
        return stream

    def close(self) -> None:
        """Stop; all streams are lost, what has not been written too."""
        if self.closed:
            return
        self.closed = True
        if self._events:
            self._loop.forget(self._fd)
        streams = list(self._streams.values())
        self._streams.clear()
        for stream in streams:
            if stream.receiver is not None:
                stream.receiver.lost()

    def put(self, number: int, kind: int, length: int = 0, payload: bytes = b"") -> None:
        """For streams: queue one frame."""
        if self.closed:
            return
        self._out.append(_HEADER.pack(number, kind, length))
        if payload:
            self._out.append(payload)
        self._backlog += _HEADER.size + len(payload)
        if not self._flushing and not self._events & WRITE:
            self._flushing = True
            self._loop.soon(self._flush)

    def forget(self, number: int) -> bool:
        """For streams: this one is over; return whether it was not before."""
        return self._streams.pop(number, None) is not None

    def _add(self, number: int) -> Stream:
        stream = self._streams[number] = Stream(self, number)
        return stream

    def _on_events(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & READ and not self.closed:
            self._read()

    def _fail(self) -> None:
        if not self.closed:
            self.close()
            self._on_end()

    def _read(self) -> None:
        chunks: list[bytes] = []
        size, ended = 0, False
        while size < _READ_ROUND:
            try:
                chunk = os.read(self._fd, READ_SIZE)
            except BlockingIOError:
                break
            except OSError:
                chunk = b""
            if not chunk:
                ended = True
                break
            chunks.append(chunk)
            size += len(chunk)
        try:
            if chunks:
                self.feed(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        except Unavailable:
            ended = True
        if ended:
            self._fail()

    def feed(self, content: bytes) -> None:
        """Take in what has been read.  Raises Unavailable if it is no frame of ours."""
        view = memoryview(self._rest + content if self._rest else content)
        self._rest = b""
        at, end = 0, len(view)
        while not self.closed:
            if self._left:
                piece = view[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                self._deliver(self._current, piece)
            if self._left or end - at < _HEADER.size:
                break
            number, kind, length = _HEADER.unpack_from(view, at)
            if kind == DATA and number:
                self._expect(number, length)
                at += _HEADER.size
                continue
            size = length if kind in (OPEN, DATA) else 0
            if size > _MESSAGE_LIMIT:
                raise Unavailable("the virtual machine's channel is garbled: a message is too long")
            if end - at < _HEADER.size + size:
                break
            at += _HEADER.size
            self._perform(number, kind, length, view[at : at + size])
            at += size
        self._rest = bytes(view[at:])

    def _expect(self, number: int, length: int) -> None:
        self._current, self._left = number, length
        # content may still be on its way to a stream that was reset here
        stream = self._streams.get(number)
        if stream is not None:
            stream.granted -= length
            if stream.granted < 0:
                raise Unavailable("the virtual machine sends more than it may")

    def _deliver(self, number: int, piece: memoryview) -> None:
        stream = self._streams.get(number)
        if stream is not None and stream.receiver is not None and piece:
            stream.receiver.data(piece)

    def _perform(self, number: int, kind: int, length: int, payload: memoryview) -> None:
        stream = self._streams.get(number)
        if kind == DATA:
            self._on_message(_parse(payload))
        elif kind == OPEN:
            if stream is not None or number % 2 == self._next % 2:
                raise Unavailable("the virtual machine's channel is garbled: a stream exists")
            self._on_open(self._add(number), _parse(payload))
        elif kind not in (CREDIT, FIN, RESET):
            raise Unavailable(f"the virtual machine's channel is garbled: frame kind {kind}")
        elif stream is not None and stream.receiver is not None:
            self._tell(stream, stream.receiver, kind, length)

    def _tell(self, stream: Stream, receiver: Receiver, kind: int, length: int) -> None:
        if kind == CREDIT:
            stream.window += length
            receiver.resumed()
        elif kind == FIN:
            stream.hear_end()
            receiver.finished()
        else:
            self.forget(stream.number)
            receiver.lost()

    def _flush(self) -> None:
        self._flushing = False
        if self.closed:
            return
        try:
            while self._out:
                piece = self._gather()
                written = os.write(self._fd, piece)
                self._backlog -= written
                if written < len(piece):
                    self._out.appendleft(memoryview(piece)[written:])
        except BlockingIOError:
            self._out.appendleft(piece)
        except OSError:
            self._fail()
            return
        self._wait_for(READ | WRITE if self._out else READ)
        if self._starved and self._backlog < _BACKLOG_FULL // 2:
            self._starved = False
            for stream in list(self._streams.values()):
                if stream.receiver is not None:
                    stream.receiver.resumed()

    def _gather(self) -> bytes | memoryview:
        """Take pieces off the queue until they fill one large write."""
        piece = self._out.popleft()
        if len(piece) >= READ_SIZE or not self._out:
            return piece
        pieces, size = [piece], len(piece)
        while self._out and size + len(self._out[0]) <= READ_SIZE + _HEADER.size:
            pieces.append(self._out.popleft())
            size += len(pieces[-1])
        return b"".join(pieces)

    def _wait_for(self, events: int) -> None:
        if events != self._events:
            self._loop.change(self._fd, self._events, events, self._on_events)
            self._events = events


def _parse(payload: memoryview) -> Message:
    try:
        message = json.loads(bytes(payload))
    except ValueError:
        raise Unavailable("the virtual machine's channel is garbled: no JSON") from None
    if not isinstance(message, dict):
        raise Unavailable("the virtual machine's channel is garbled: no JSON object")
    return message
