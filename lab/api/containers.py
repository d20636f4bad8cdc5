"""Routes of containers.  Source: Docker Engine API, Container."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from aiohttp import web

from lab.api import shapes
from lab.api.bodies import answer, read_object
from lab.api.params import Filters, flag, number, seconds_to_ns
from lab.api.requests import parse_create
from lab.api.streams import (
    MULTIPLEXED,
    RAW,
    Hijacked,
    Taken,
    frame,
    parse_detach_keys,
    send_pieces,
)
from lab.api.system import ENGINE
from lab.api.versions import version_of
from lab.engine.containers import Container
from lab.engine.listing import LIST_FILTERS, select
from lab.engine.logs import LogLine, LogQuery, parse_tail
from lab.engine.signals import parse_signal
from lab.engine.state import Status, moment
from lab.errors import Conflict, InvalidParameter
from lab.runtime.stdio import STDERR, STDIN, STDOUT


def _container(request: web.Request) -> Container:
    return request.app[ENGINE].containers.get(_given(request))


def _given(request: web.Request) -> str:
    """Return what the client calls the container: a name, or the beginning of an id."""
    return request.match_info["id"]


async def create(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    config, host = parse_create(await read_object(request))
    name = request.query.get("name", "")
    container, warnings = await engine.creation.create(name, config, host)
    return answer({"Id": container.id, "Warnings": warnings}, status=201)


async def list_containers(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    filters = Filters.of(request, LIST_FILTERS)
    everything = flag(request, "all") or bool(filters.get("status") or filters.get("exited"))
    found = select(engine.containers, filters, everything, number(request, "limit"))
    with_size = flag(request, "size")
    rows = [shapes.summary(each, await engine.sizes(each) if with_size else None) for each in found]
    return answer(rows)


async def inspect(request: web.Request) -> web.Response:
    engine, container = request.app[ENGINE], _container(request)
    sizes = await engine.sizes(container) if flag(request, "size") else None
    exec_ids = [each.id for each in engine.execs.of(container)]
    return answer(shapes.inspect(container, exec_ids, sizes))


async def start(request: web.Request) -> web.Response:
    parse_detach_keys(request.query.get("detachKeys", ""))
    await request.app[ENGINE].lifecycle.start(_container(request))
    return web.Response(status=204)


async def stop(request: web.Request) -> web.Response:
    await request.app[ENGINE].lifecycle.stop(_container(request), number(request, "t"))
    return web.Response(status=204)


async def restart(request: web.Request) -> web.Response:
    await request.app[ENGINE].lifecycle.restart(_container(request), number(request, "t"))
    return web.Response(status=204)


async def kill(request: web.Request) -> web.Response:
    wanted = parse_signal(request.query.get("signal") or "SIGKILL")
    container = _container(request)
    try:
        await request.app[ENGINE].lifecycle.kill(container, wanted)
    except Conflict as error:
        raise Conflict(f"cannot kill container: {_given(request)}: {error.message}") from None
    return web.Response(status=204)


async def rename(request: web.Request) -> web.Response:
    engine, name = request.app[ENGINE], request.query.get("name", "")
    if not name:
        raise InvalidParameter("Neither old nor new names may be empty")
    engine.containers.rename(_container(request), name)
    return web.Response(status=204)


async def remove(request: web.Request) -> web.Response:
    if flag(request, "link"):
        raise Conflict("this engine has no links between containers")
    container = _container(request)
    try:
        await request.app[ENGINE].lifecycle.remove(container, force=flag(request, "force"))
    except Conflict as error:
        raise Conflict(f'cannot remove container "{_given(request)}": {error.message}') from None
    return web.Response(status=204)


async def wait(request: web.Request) -> web.StreamResponse:
    lifecycle, container = request.app[ENGINE].lifecycle, _container(request)
    condition = request.query.get("condition") or "not-running"
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
    code = await ended
    await response.write(b'{"StatusCode":%d}\n' % code)
    await response.write_eof()
    return response


async def attach(request: web.Request) -> web.StreamResponse:
    container = _container(request)
    if container.status is Status.PAUSED:
        raise Conflict("Container is paused. Unpause the container before attach or use exec")
    keys = parse_detach_keys(request.query.get("detachKeys", ""))
    wanted = _wanted_streams(request)
    writes = flag(request, "stdin") and flag(request, "stream")
    client = Hijacked(request, container.streams, writes, keys)
    client.wanted = wanted
    client.take_over(_media_type(request, container), "Upgrade" in request.headers)
    if flag(request, "logs") and container.log is not None:
        lines, _ = await asyncio.to_thread(container.log.read, LogQuery())
        for line in lines:
            client.send(line.stream, line.text.encode())
    if flag(request, "stream"):
        container.streams.attach(client)
        request.app[ENGINE].containers.log_event(container, "attach")
        await client.closed
    else:
        client.finish()
    return Taken()


async def resize(request: web.Request) -> web.Response:
    rows, columns = number(request, "h"), number(request, "w")
    if rows is None or columns is None or not (0 <= rows < 65536 and 0 <= columns < 65536):
        raise InvalidParameter("invalid size of a terminal: h and w must be numbers")
    container = _container(request)
    if not container.record.state.is_running:
        raise Conflict(f"container {container.id} is not running")
    container.streams.resize(rows, columns)
    request.app[ENGINE].containers.log_event(
        container, "resize", height=str(rows), width=str(columns)
    )
    return web.Response(status=200)


async def logs(request: web.Request) -> web.StreamResponse:
    container = _container(request)
    wanted = _wanted_streams(request)
    if not wanted - {STDIN}:
        raise InvalidParameter("Bad parameters: you must choose at least one stream")
    if container.log is None:
        raise InvalidParameter("configured logging driver does not support reading")
    query = _log_query(request, wanted)
    with_times = flag(request, "timestamps")
    response = web.StreamResponse(headers={"Content-Type": _media_type(request, container)})
    await response.prepare(request)

    async def send(line: LogLine) -> None:
        text = f"{line.at} {line.text}" if with_times else line.text
        data = text.encode()
        await response.write(data if container.streams.terminal else frame(line.stream, data))

    with contextlib.suppress(ConnectionError):
        lines, offset = await asyncio.to_thread(container.log.read, query)
        for line in lines:
            await send(line)
        if flag(request, "follow"):
            async for line in container.log.follow(replace(query, tail=None), offset):
                await send(line)
        await response.write_eof()
    return response


async def export(request: web.Request) -> web.StreamResponse:
    pieces = request.app[ENGINE].containers.export(_container(request))
    return await send_pieces(request, pieces, "application/octet-stream")


def _wanted_streams(request: web.Request) -> frozenset[int]:
    names = {"stdin": STDIN, "stdout": STDOUT, "stderr": STDERR}
    return frozenset(stream for name, stream in names.items() if flag(request, name))


def _log_query(request: web.Request, wanted: frozenset[int]) -> LogQuery:
    since, until = (seconds_to_ns(request.query.get(name)) for name in ("since", "until"))
    return LogQuery(
        stdout=STDOUT in wanted,
        stderr=STDERR in wanted,
        tail=parse_tail(request.query.get("tail", "")),
        since=moment(since / 1e9) if since else "",
        until=moment(until / 1e9) if until else "",
    )


def _media_type(request: web.Request, container: Container) -> str:
    raw = container.streams.terminal or version_of(request) < (1, 42)
    return RAW if raw else MULTIPLEXED


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
    ("POST", "/containers/{id}/wait", wait),
    ("POST", "/containers/{id}/attach", attach),
    ("POST", "/containers/{id}/resize", resize),
    ("GET", "/containers/{id}/logs", logs),
    ("GET", "/containers/{id}/export", export),
    ("GET", "/containers/{id}/changes", show_changes),
]
