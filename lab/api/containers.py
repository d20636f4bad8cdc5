"""Routes of containers.  Source: Docker Engine API, Container."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from lab.api import shapes
from lab.api.attach import container_of
from lab.api.bodies import answer, read_object
from lab.api.departures import while_wanted
from lab.api.detach_keys import parse_detach_keys
from lab.api.keys import ENGINE
from lab.api.params import Filters, flag, number
from lab.api.requests import parse_create
from lab.api.streams import send_pieces
from lab.engine.listing import LIST_FILTERS, select, shown_image
from lab.engine.machine import parse_platform
from lab.engine.signals import parse_signal
from lab.engine.transfer import require_platform
from lab.errors import Conflict, InvalidParameter, LabError, NotFound


def _given(request: web.Request) -> str:
    """Return what the client calls the container: a name, or the beginning of an id."""
    return request.match_info["id"]


async def create(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    config, host, places = parse_create(await read_object(request))
    name = request.query.get("name", "")
    if platform := request.query.get("platform", ""):
        require_platform(engine.store, config["Image"], parse_platform(platform))
    container, warnings = await engine.creation.create(name, config, host, places)
    return answer({"Id": container.id, "Warnings": warnings}, status=201)


async def list_containers(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    filters = Filters.of(request, LIST_FILTERS)
    everything = flag(request, "all") or bool(filters.get("status") or filters.get("exited"))
    limit = number(request, "limit")
    found = select(engine.containers, engine.store, filters, everything, limit)
    with_size = flag(request, "size")
    rows, linked = [], engine.links.names()
    for each in found:
        image = shown_image(engine.store, each.record.image_name, each.image_id)
        sizes = await engine.sizes(each) if with_size else None
        rows.append(shapes.summary(each, image, sizes, linked.get(each.id, [])))
    return answer(rows)


async def inspect(request: web.Request) -> web.Response:
    engine, container = request.app[ENGINE], container_of(request)
    sizes = await engine.sizes(container) if flag(request, "size") else None
    exec_ids = [each.id for each in engine.execs.of(container)]
    return answer(shapes.inspect(container, exec_ids, sizes))


async def start(request: web.Request) -> web.Response:
    parse_detach_keys(request.query.get("detachKeys", ""))
    await request.app[ENGINE].lifecycle.start(container_of(request))
    return web.Response(status=204)


async def stop(request: web.Request) -> web.Response:
    container, how = container_of(request), _ending(request)
    await request.app[ENGINE].lifecycle.stop(container, *how)
    return web.Response(status=204)


async def restart(request: web.Request) -> web.Response:
    container, how = container_of(request), _ending(request)
    try:
        await request.app[ENGINE].lifecycle.restart(container, *how)
    except LabError as error:
        told = f"Cannot restart container {_given(request)}: {error.message}"
        raise LabError(told, error.hint) from None
    return web.Response(status=204)


def _ending(request: web.Request) -> tuple[int | None, int | None]:
    """Return the seconds and the signal with which a container is to be stopped, if given."""
    text = request.query.get("signal")
    return number(request, "t"), parse_signal(text) if text else None


async def kill(request: web.Request) -> web.Response:
    wanted = parse_signal(request.query.get("signal") or "SIGKILL")
    container = container_of(request)
    try:
        await request.app[ENGINE].lifecycle.kill(container, wanted)
    except Conflict as error:
        raise Conflict(f"cannot kill container: {_given(request)}: {error.message}") from None
    return web.Response(status=204)


async def rename(request: web.Request) -> web.Response:
    engine, name = request.app[ENGINE], request.query.get("name", "")
    if not name:
        raise InvalidParameter("Neither old nor new names may be empty")
    container = container_of(request)
    try:
        engine.containers.rename(container, name)
    except Conflict as error:
        raise Conflict(f"Error when allocating new name: {error.message}") from None
    engine.endpoints.rename(container)
    return web.Response(status=204)


async def remove(request: web.Request) -> web.Response:
    container = container_of(request)
    try:
        await request.app[ENGINE].lifecycle.remove(
            container, force=flag(request, "force"), volumes=flag(request, "v")
        )
    except Conflict as error:
        raise Conflict(f'cannot remove container "{_given(request)}": {error.message}') from None
    return web.Response(status=204)


async def remove_link(request: web.Request) -> web.Response:
    if not flag(request, "link"):
        raise NotFound("page not found")
    request.app[ENGINE].links.remove(_given(request), request.match_info["alias"])
    return web.Response(status=204)


async def wait(request: web.Request) -> web.StreamResponse:
    lifecycle = request.app[ENGINE].lifecycle
    condition = request.query.get("condition") or "not-running"
    code = lifecycle.departed.code(request.match_info["id"])
    if code is not None and condition != "next-exit":
        return answer({"StatusCode": code})
    container = container_of(request)
    if condition == "next-exit":
        ended = lifecycle.next_exit(container)
    elif condition == "removed":
        ended = lifecycle.removal(container)
    elif condition == "not-running":
        ended = asyncio.ensure_future(lifecycle.wait_exit(container))
    else:
        raise InvalidParameter(f'invalid condition: "{condition}"')
    # the client sends the start only when it has seen this header
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)

    async def tell() -> None:
        await response.write(b'{"StatusCode":%d}\n' % await ended)

    await while_wanted(request, tell())
    with contextlib.suppress(ConnectionError):
        await response.write_eof()
    return response


async def export(request: web.Request) -> web.StreamResponse:
    pieces = request.app[ENGINE].containers.export(container_of(request))
    return await send_pieces(request, pieces, "application/octet-stream")


async def show_changes(request: web.Request) -> web.Response:
    changes = await request.app[ENGINE].explore.diff(request.match_info["id"])
    # Docker's list is null when it is empty
    return answer([{"Path": each.path, "Kind": each.kind} for each in changes] or None)


ROUTES = [
    ("POST", "/containers/create", create),
    ("GET", "/containers/json", list_containers),
    ("GET", "/containers/{id}/json", inspect),
    ("POST", "/containers/{id}/start", start),
    ("POST", "/containers/{id}/stop", stop),
    ("POST", "/containers/{id}/restart", restart),
    ("POST", "/containers/{id}/kill", kill),
    ("POST", "/containers/{id}/rename", rename),
    ("DELETE", "/containers/{id}", remove),
    ("DELETE", "/containers/{id}/{alias}", remove_link),
    ("POST", "/containers/{id}/wait", wait),
    ("GET", "/containers/{id}/export", export),
    ("GET", "/containers/{id}/changes", show_changes),
]
