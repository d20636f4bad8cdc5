"""Routes of the extension: calls of the API, and the system calls that they led to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from aiohttp import web

from lab.api.keys import ENGINE
from lab.api.lab_streams import send_each
from lab.engine.feeds import Missed
from lab.engine.trace import Answered, Called, Requested, Trace, Traced


@web.middleware
async def trace_requests(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Tell of each call of the API, if anybody wants to know."""
    trace = request.app[ENGINE].extension.trace
    if not trace.heard:
        return await handler(request)
    with trace.request(request.method, request.path_qs) as progress:
        response = await handler(request)
        progress.status = response.status
        return response


async def stream_trace(request: web.Request) -> web.StreamResponse:
    return await send_each(request, _told(request.app[ENGINE].extension.trace))


async def _told(trace: Trace) -> AsyncGenerator[dict[str, Any] | None, None]:
    async for record in trace.listen():
        yield None if record is None else shape(record)


def shape(record: Traced | Missed) -> dict[str, Any]:
    """Return the JSON form of a record."""
    if isinstance(record, Requested):
        return {
            "Kind": "request",
            "Request": record.id,
            "TimeNano": record.at_ns,
            "Method": record.method,
            "Path": record.path,
        }
    if isinstance(record, Answered):
        return {
            "Kind": "response",
            "Request": record.id,
            "TimeNano": record.at_ns,
            "Status": record.status,
            "DurationNano": record.duration_ns,
        }
    if isinstance(record, Called):
        return _call(record)
    return {"Kind": "missed", "Count": record.count}


def _call(record: Called) -> dict[str, Any]:
    return {
        "Kind": "call",
        "Request": record.request,
        "TimeNano": record.at_ns,
        "Process": record.process,
        "Task": record.task,
        "Pid": record.pid,
        "Name": record.name,
        "Arguments": dict(record.arguments),
        "Result": record.result,
        "Error": record.error,
    }


ROUTES = [("GET", "/lab/v1/trace", stream_trace)]
