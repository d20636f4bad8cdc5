"""Answers that tell of work while it goes on: a pull, a push, a build."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from lab.api.errors import describe
from lab.api.streams import JsonStream
from lab.engine.progress import Emit, error_message
from lab.errors import LabError

Job = Callable[[Emit], Coroutine[Any, Any, None]]
"""Does the work; its messages go to the argument, from any thread."""

_LOOK = 0.25
"""Seconds between two looks at whether the client is still there."""

_BACKLOG = 500
"""Messages that may wait for the client."""

_PAUSE = 0.01

_log = logging.getLogger(__name__)


async def run_job(request: web.Request, job: Job) -> web.StreamResponse:
    """Answer with the messages of `job`, and end it when the client goes away.

    An error before the first message is raised, so that it becomes an HTTP status; a later one
    is the last message.
    """
    loop_thread = threading.get_ident()
    async with JsonStream(request) as stream:
        told = False

        def emit(message: Any) -> None:
            nonlocal told
            told = True
            stream.send(message)
            if threading.get_ident() != loop_thread:
                _wait_for_room(stream)

        try:
            await _while_wanted(request, stream, asyncio.create_task(job(emit)))
        except Exception as error:
            if not told:
                raise
            if not isinstance(error, (LabError, OSError)):
                _log.exception("%s %s", request.method, request.path)
            emit(error_message(error, describe(error)))
        if not told and not is_gone(request):
            await stream.start()
    return stream.response


async def _while_wanted(request: web.Request, stream: JsonStream, task: asyncio.Task[None]) -> None:
    """Wait for the task; cancel it, and wait for its end, when nobody listens any more."""
    try:
        while not task.done():
            await asyncio.wait([task], timeout=_LOOK)
            if not task.done() and (stream.gone or is_gone(request)):
                task.cancel()
                await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise
    try:
        if not task.cancelled():
            await task
    finally:
        # its error knows this frame: a circle that would keep what failed work had open
        del task


def _wait_for_room(stream: JsonStream) -> None:
    """Hold a thread back that produces messages faster than the client takes them."""
    while stream.waiting > _BACKLOG and not stream.gone:
        time.sleep(_PAUSE)


def is_gone(request: web.Request) -> bool:
    """Return whether the client has closed its connection."""
    return request.transport is None or request.transport.is_closing()
