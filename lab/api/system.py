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
    query = events.EventQuery(
        since_ns=seconds_to_ns(request.query.get("since")),
        until_ns=seconds_to_ns(request.query.get("until")),
        filters=filters.values,
    )
    journal = request.app[ENGINE].journal
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    with events.listening(journal) as ear:
        await response.prepare(request)

        async def send() -> None:
            async with aclosing(events.stream(journal, query, time.time_ns(), ear)) as entries:
                async for entry in entries:
                    await response.write(fields.dump(events.to_json(entry)) + b"\n")

        await while_wanted(request, send())
        with suppress(ConnectionError):
            await response.write_eof()
    return response


ROUTES = [
    ("HEAD", "/_ping", ping),
    ("GET", "/_ping", ping),
    ("GET", "/version", show_version),
    ("GET", "/info", show_info),
    ("GET", "/events", stream_events),
]
