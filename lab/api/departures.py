"""Answers without an end of their own, given up when nobody listens any more.

aiohttp tells a handler that its client has gone only when it writes; one that waits for an event
which does not come would wait for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

from aiohttp import web

from lab.api.keys import ENGINE


class _Watched(asyncio.Protocol):
    """Stands before aiohttp's protocol of a connection, to see it end; all else is passed on."""

    def __init__(self, inner: Any, gone: asyncio.Future[None]) -> None:
        self._inner = inner
        self._gone = gone

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return cast("bool | None", self._inner.eof_received())

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._gone.done():
            self._gone.set_result(None)
        self._inner.connection_lost(error)


async def while_wanted(request: web.Request, work: Coroutine[Any, Any, None]) -> None:
    """Do `work` until it is done, or until the client has gone or the engine stops.

    A write that finds the connection gone is no error.  Raises what else `work` raises.
    """
    transport = request.transport
    if transport is None:
        work.close()
        return
    inner = transport.get_protocol()
    gone = asyncio.get_running_loop().create_future()
    stopping = asyncio.create_task(request.app[ENGINE].stopping.wait())
    task = asyncio.create_task(work)
    transport.set_protocol(_Watched(inner, gone))
    try:
        await asyncio.wait((task, gone, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        transport.set_protocol(inner)
        if not task.done():
            task.cancel()
        await asyncio.wait((task,))
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, ConnectionError):
        raise error
