"""Answers that go on: JSON message streams, and connections taken over for a terminal or pipes.

aiohttp's parser does not know `Upgrade: tcp`, and its handler would close at the client's
half-close; so a taken-over connection gets a protocol of ours in place of aiohttp's.
Source: Docker Engine API, ContainerAttach.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import struct
import termios
from collections import deque
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from lab.api.detach_keys import DetachKeys
from lab.runtime.stdio import STDOUT, Streams

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
_HIGH_WATER = 1 << 18
_END = object()
_MOMENT, _PATIENCE = 0.001, 200


class JsonStream:
    """Sends JSON messages, one a line, as they come; `send` may be called from any thread.

    Leaving the `async with` block ends the response.  A client that is gone makes `gone` true;
    whoever produces messages should then stop.
    """

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._messages: deque[Any] = deque()
        self._wake = asyncio.Event()
        self._woken = False
        self._sender: asyncio.Task[None] | None = None
        self.started = False
        self.gone = False
        self.response = web.StreamResponse(headers={"Content-Type": "application/json"})

    def send(self, message: Any) -> None:
        """Queue a message."""
        self._messages.append(message)
        # waking the loop costs more than the message: once is enough for all until it looks
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._wake.set)

    @property
    def waiting(self) -> int:
        """How many messages the client has not taken yet; whoever has many to send looks at it."""
        return len(self._messages)

    async def start(self) -> None:
        """Send the header now, although there is no message yet."""
        if not self.started:
            self.started = True
            await self.response.prepare(self._request)

    async def __aenter__(self) -> JsonStream:
        self._sender = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exception: object) -> None:
        assert self._sender is not None
        self.send(_END)
        await asyncio.gather(self._sender, return_exceptions=True)
        if self.started and not self.gone:
            with contextlib.suppress(OSError):
                await self.response.write_eof()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            # before the messages are looked at: whoever adds one later wakes this anew
            self._woken = False
            while self._messages:
                message = self._messages.popleft()
                if message is _END:
                    return
                if not self.gone:
                    await self._write(message)

    async def _write(self, message: Any) -> None:
        try:
            await self.start()
            text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
            # half of a surrogate pair, from a file's name, must not end the answer
            await self.response.write(text.encode(errors="replace") + b"\r\n")
        except OSError:
            self.gone = True


class Taken(web.StreamResponse):
    """What the handler of a taken-over connection returns: aiohttp then writes nothing more."""

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


class Hijacked(asyncio.Protocol):
    """A connection between a client and a container's streams: raw, or in frames without a terminal.

    Implements lab.runtime.stdio.Client.  A half-close of the client ends the container's input,
    if it writes at all; the output goes on.
    """

    def __init__(self, request: web.Request, streams: Streams, writes: bool, keys: bytes) -> None:
        """`keys` are the bytes that detach when typed at a terminal; empty for none."""
        if request.transport is None:
            raise ConnectionResetError("the client is gone")
        self._transport = request.transport
        self._old: Any = request.protocol
        self._streams = streams
        self._writes = writes
        self._escape = DetachKeys(keys) if keys and streams.terminal else None
        self._ready = asyncio.Event()
        self._ready.set()
        self.framed = not streams.terminal
        """Whether the client expects frames that tell the streams apart."""
        self.closed = asyncio.get_running_loop().create_future()
        self.left = False
        """Whether the client has left by its keys."""
        self._early: list[bytes] | None = []
        self._finished = False
        self.wanted: frozenset[int] = frozenset()

    def take_over(self, media_type: str, upgrade: bool) -> None:
        """Answer the request and use the connection for the streams from now on."""
        head = (
            "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            if upgrade
            else "HTTP/1.1 200 OK\r\n"
        )
        self._transport.set_protocol(self)
        self._transport.set_write_buffer_limits(_HIGH_WATER)
        self._transport.write(f"{head}Content-Type: {media_type}\r\n\r\n".encode())

    async def noticed(self) -> None:
        """Wait until the client has read the answer's head, for a moment at most.

        Clients that read ahead (docker-py) lose what comes in one piece with it, so output is kept
        until then.  Source: unix(7), SIOCOUTQ: what the other side has not read yet.
        """
        if self._early is None:
            return
        sock = self._transport.get_extra_info("socket")
        for _ in range(_PATIENCE):
            if sock.fileno() < 0 or not _unread(sock.fileno()):
                break
            await asyncio.sleep(_MOMENT)
        self.release()

    def release(self) -> None:
        """Send what was kept, and from now on everything at once."""
        early, self._early = self._early or [], None
        for data in early:
            self._transport.write(data)
        if self._finished:
            self._close()
        self._streams.resume()

    # --- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if not self._writes:
            return
        if self._escape is not None:
            data, detached = self._escape.feed(data)
            if detached:
                self.left = True
                self._streams.write(data, lambda: None)
                # leaving by the keys ends nothing, not even a stdin_once input
                self._streams.detach(self)
                self._close()
                return
        if data and not self._streams.write(data, self._resume_reading):
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        if self._writes and not self._streams.client_has_written_all():
            self._streams.detach(self)
            self._close()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._streams.detach(self, wrote=self._writes)
        self._ready.set()
        if not self.closed.done():
            self.closed.set_result(None)
        self._old.connection_lost(error)

    def pause_writing(self) -> None:
        self._ready.clear()

    def resume_writing(self) -> None:
        self._ready.set()
        self._streams.resume()

    # --- lab.runtime.stdio.Client

    def send(self, stream: int, data: bytes) -> None:
        if stream in self.wanted:
            self._write(frame(stream, data) if self.framed else data)

    def tell(self, data: bytes) -> None:
        """Send the engine's own words, as output of whatever was wanted."""
        self._write(frame(STDOUT, data) if self.framed else data)

    def ready(self) -> bool:
        return self._ready.is_set() and not self._early

    async def room(self) -> None:
        """Wait until the client has taken what was sent, or most of it, or has gone."""
        await self._ready.wait()

    def finish(self) -> None:
        self._finished = True
        if self._early is None:
            self._close()

    def _write(self, data: bytes) -> None:
        if self._early is None:
            self._transport.write(data)
        else:
            self._early.append(data)

    def _close(self) -> None:
        if not self.closed.done():
            self.closed.set_result(None)
        self._transport.close()

    def _resume_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()


def _unread(fd: int) -> int:
    """Return the bytes that were sent on a socket and have not been read; 0 if it cannot tell."""
    try:
        count: int = struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4)))[0]
    except OSError:
        return 0
    return count


def frame(stream: int, data: bytes) -> bytes:
    """Return one frame of the multiplexed format: stream number, length, bytes."""
    return struct.pack(">BxxxI", stream, len(data)) + data


async def send_pieces(
    request: web.Request, pieces: Iterator[bytes], media_type: str
) -> web.StreamResponse:
    """Send what a blocking iterator yields; an error before the first piece becomes a status.

    An error later breaks the connection, so that the client does not take a part for the whole.
    """
    first = await asyncio.to_thread(next, pieces, None)
    response = web.StreamResponse(headers={"Content-Type": media_type})
    await response.prepare(request)
    piece = first
    while piece is not None:
        await response.write(piece)
        piece = await asyncio.to_thread(next, pieces, None)
    await response.write_eof()
    return response
