"""The Hub on a TCP port of this machine alone, for programs that cannot reach a unix socket.

Bytes are passed on as they come, so what the Hub answers is its own; the port is asked for only
while the engine runs, and closed when this ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from lab.errors import NetworkError, Unavailable

HOST = "127.0.0.1"
_PIECE = 1 << 16


async def open_doorway(socket: Path, port: int, ready: Callable[[int], None]) -> None:
    """Pass connections to `port` (0: a free one) on to the Hub's `socket`, until cancelled.

    `ready` is told the port.  Raises Unavailable if no Hub listens, NetworkError if the port is
    taken.
    """
    try:
        _, knock = await asyncio.open_unix_connection(str(socket))
    except OSError as error:
        raise Unavailable(
            f"the lab's Hub does not answer at {socket}: {error.strerror}",
            "start the lab, or name the folder of its engine with --root; the Hub of an engine in"
            " the microVM cannot be reached so",
        ) from None
    knock.close()
    visitors: set[asyncio.Task[None]] = set()

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        visitors.add(task)
        try:
            await _pass_on(socket, reader, writer)
        finally:
            visitors.discard(task)

    try:
        server = await asyncio.start_server(visited, HOST, port)
    except OSError as error:
        raise NetworkError(f"port {port} cannot be had: {error.strerror}") from None
    try:
        ready(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()
    finally:
        server.close()
        for task in visitors:
            task.cancel()
        await asyncio.gather(*visitors, return_exceptions=True)


async def _pass_on(
    socket: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        inner, outer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        writer.close()  # the engine has gone meanwhile
        return
    try:
        await asyncio.gather(_copy(reader, outer), _copy(inner, writer))
    except OSError:
        pass  # one of the two broke off: so does the other
    finally:
        for each in (outer, writer):
            each.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_PIECE):
        target.write(data)
        await target.drain()
    target.write_eof()
