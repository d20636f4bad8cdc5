"""Attaching to a container by a web socket: what browsers, and some clients, use.

Nothing tells standard output from standard error here, and input cannot end before the connection
does.  Source: Docker Engine API, ContainerAttachWebsocket; binary messages since version 1.28.
"""

from __future__ import annotations

import asyncio
from collections import deque

from aiohttp import WSMsgType, web

from lab.api.attach import attachable, send_log, wanted_streams
from lab.api.departures import while_wanted
from lab.api.detach_keys import DetachKeys, parse_detach_keys
from lab.api.keys import ENGINE
from lab.api.params import flag
from lab.api.versions import version_of
from lab.engine.containers import Container
from lab.runtime.stdio import STDERR, STDIN, STDOUT, Streams

_HIGH_WATER = 1 << 18
_NAMED_SINCE, _BINARY_SINCE = (1, 42), (1, 28)


class Socket:
    """A web socket between a client and a container's streams: implements lab.runtime.stdio.Client."""

    def __init__(
        self, socket: web.WebSocketResponse, streams: Streams, wanted: frozenset[int], keys: bytes
    ) -> None:
        self._socket = socket
        self._streams = streams
        self._wanted = wanted
        self._escape = DetachKeys(keys) if streams.terminal else None
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._finished = False
        self.closed = asyncio.get_running_loop().create_future()
        self.left = False
        """Whether the client has left by its keys."""

    # --- lab.runtime.stdio.Client

    def send(self, stream: int, data: bytes) -> None:
        if stream in self._wanted and not self.closed.done():
            self._waiting.append(data)
            self._size += len(data)
            self._wake.set()

    def ready(self) -> bool:
        return self._size < _HIGH_WATER

    def finish(self) -> None:
        self._finished = True
        self._wake.set()

    async def room(self) -> None:
        """Wait until the client has taken most of what was sent, or has gone."""
        while not self.ready() and not self.closed.done():
            await asyncio.sleep(0.01)

    # --- the connection

    async def serve(self, binary: bool) -> None:
        """Move bytes both ways until the container's output ends or the client leaves."""
        tasks = (asyncio.create_task(self._send_all(binary)), asyncio.create_task(self._read_all()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.closed.set_result(None)
            self._size = 0
            self._streams.detach(self, wrote=STDIN in self._wanted and not self.left)

    async def _send_all(self, binary: bool) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                data = self._waiting.popleft()
                if binary:
                    await self._socket.send_bytes(data)
                else:
                    await self._socket.send_str(data.decode(errors="replace"))
                self._size -= len(data)
                self._streams.resume()
            if self._finished:
                await self._socket.close()
                return

    async def _read_all(self) -> None:
        async for message in self._socket:
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                return
            if STDIN not in self._wanted:
                continue
            data = message.data
            data = data.encode() if isinstance(data, str) else bytes(data)
            if self._escape is not None:
                data, self.left = self._escape.feed(data)
            self._drained.clear()
            if data and not self._streams.write(data, self._drained.set):
                await self._drained.wait()
            if self.left:
                return


async def attach_ws(request: web.Request) -> web.StreamResponse:
    container = attachable(request)
    keys = parse_detach_keys(request.query.get("detachKeys", ""))
    wanted = frozenset((STDIN, STDOUT, STDERR))
    if version_of(request) >= _NAMED_SINCE:
        wanted = wanted_streams(request)
    response = web.WebSocketResponse()
    await response.prepare(request)
    socket = Socket(response, container.streams, wanted, keys)
    await while_wanted(request, _serve(request, container, socket))
    if socket.left:
        request.app[ENGINE].containers.log_event(container, "detach")
    return response


async def _serve(request: web.Request, container: Container, socket: Socket) -> None:
    serving = asyncio.create_task(socket.serve(version_of(request) >= _BINARY_SINCE))
    try:
        if flag(request, "logs") and container.log is not None:
            await send_log(container.log, socket)
        # one that has left meanwhile takes nothing any more, and would hold the container up
        if flag(request, "stream") and not socket.closed.done():
            container.streams.attach(socket)
            request.app[ENGINE].containers.log_event(container, "attach")
        else:
            socket.finish()
        await serving
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


ROUTES = [("GET", "/containers/{id}/attach/ws", attach_ws)]
