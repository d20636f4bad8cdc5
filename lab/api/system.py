"""Routes of the engine itself: ping, version, info, events."""

from __future__ import annotations

import time
from contextlib import aclosing, suppress

from aiohttp import web

from lab.api.bodies import answer
from lab.api.departures import while_wanted
from lab.api.keys import ENGINE as ENGINE
from lab.api.params import Filters, seconds_to_ns
from lab.api.versions import API_VERSION, MIN_API_VERSION
from lab.engine import events, system
from lab.errors import InvalidParameter
from lab.oci import fields

_EVENT_FILTERS = frozenset(
    "config container daemon event image label network node plugin scope secret service type volume".split()
)


async def ping(request: web.Request) -> web.Response:
    headers = {"Builder-Version": "1", "Swarm": "inactive", "Cache-Control": "no-cache"}
    return web.Response(text="" if request.method == "HEAD" else "OK", headers=headers)


async def show_version(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    return answer(system.version(engine, engine.host, API_VERSION, MIN_API_VERSION))


async def show_info(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    return answer(system.info(engine, engine.host))


async def stream_events(request: web.Request) -> web.StreamResponse:
    filters = Filters.of(request, _EVENT_FILTERS, strict=False)
    since_ns, until_ns = _period(request)
    query = events.EventQuery(since_ns, until_ns, filters.values)
    journal = request.app[ENGINE].journal
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    with events.listening(journal, query) as ear:
        await response.prepare(request)

        async def send() -> None:
            async with aclosing(events.stream(journal, query, time.time_ns(), ear)) as entries:
                async for entry in entries:
                    await response.write(fields.dump(events.to_json(entry)) + b"\n")

        await while_wanted(request, send())
        with suppress(ConnectionError):
            await response.write_eof()
    return response


def _period(request: web.Request) -> tuple[int | None, int | None]:
    """Return the nanoseconds between which events are wanted; an end alone means all before it."""
    since, until = request.query.get("since"), request.query.get("until")
    since_ns, until_ns = seconds_to_ns(since), seconds_to_ns(until)
    if until_ns is not None and until_ns < (since_ns or 0):
        raise InvalidParameter(f"`since` time ({since}) cannot be after `until` time ({until})")
    return (since_ns or 0 if until_ns is not None else since_ns), until_ns


ROUTES = [
    ("HEAD", "/_ping", ping),
    ("GET", "/_ping", ping),
    ("GET", "/version", show_version),
    ("GET", "/info", show_info),
    ("GET", "/events", stream_events),
]
