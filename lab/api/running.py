"""Routes of what is done with containers that run: pause, top, stats, update.

Source: Docker Engine API, Container.
"""

from __future__ import annotations

from contextlib import aclosing, suppress

from aiohttp import web

from lab.api import stat_shapes
from lab.api.attach import container_of
from lab.api.bodies import answer, read_object
from lab.api.departures import while_wanted
from lab.api.keys import ENGINE
from lab.api.params import flag
from lab.engine.containers import Container
from lab.engine.stats import Reading
from lab.oci import fields
from lab.oci.fields import Json


async def pause(request: web.Request) -> web.Response:
    await request.app[ENGINE].pausing.pause(container_of(request))
    return web.Response(status=204)


async def unpause(request: web.Request) -> web.Response:
    await request.app[ENGINE].pausing.unpause(container_of(request))
    return web.Response(status=204)


async def top(request: web.Request) -> web.Response:
    engine, container = request.app[ENGINE], container_of(request)
    table = await engine.top.table(container, request.query.get("ps_args", ""))
    return answer({"Titles": table.titles, "Processes": table.rows})


async def update(request: web.Request) -> web.Response:
    engine, container = request.app[ENGINE], container_of(request)
    warnings = await engine.updates.apply(container, await read_object(request))
    return answer({"Warnings": warnings or None})


async def stats(request: web.Request) -> web.StreamResponse:
    engine, container = request.app[ENGINE], container_of(request)

    def shape(readings: tuple[Reading, Reading]) -> Json:
        return _shape(container, readings, engine.host.memory_bytes)

    if not flag(request, "stream", True):
        return answer(shape(await engine.stats.once(container, flag(request, "one-shot"))))
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)

    async def send() -> None:
        async with aclosing(engine.stats.stream(container)) as stream:
            async for readings in stream:
                await response.write(fields.dump(shape(readings)) + b"\n")

    with suppress(ConnectionError):
        await while_wanted(request, send())
        await response.write_eof()
    return response


def _shape(container: Container, readings: tuple[Reading, Reading], memory: int) -> Json:
    return stat_shapes.stats(container.name, container.id, *readings, memory)


ROUTES = [
    ("POST", "/containers/{id}/pause", pause),
    ("POST", "/containers/{id}/unpause", unpause),
    ("GET", "/containers/{id}/top", top),
    ("GET", "/containers/{id}/stats", stats),
    ("POST", "/containers/{id}/update", update),
]
