"""Routes of what containers write and are told: attach, logs, the size of the terminal.

Source: Docker Engine API, ContainerAttach, ContainerLogs, ContainerResize.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from typing import Protocol

from aiohttp import web

from lab.api.departures import while_wanted
from lab.api.detach_keys import parse_detach_keys
from lab.api.keys import ENGINE
from lab.api.params import flag, number, seconds_to_ns
from lab.api.streams import MULTIPLEXED, RAW, Hijacked, Taken, frame
from lab.api.versions import version_of
from lab.engine.containers import Container
from lab.engine.logs import LogFile, LogLine, LogQuery, parse_tail, read
from lab.engine.state import Status, moment
from lab.engine.waiters import seconds_of
from lab.errors import Conflict, InvalidParameter
from lab.runtime.stdio import STDERR, STDIN, STDOUT


class Listener(Protocol):
    """A client that is attached, as far as it is told what was written before."""

    @property
    def closed(self) -> asyncio.Future[None]: ...
    def send(self, stream: int, data: bytes) -> None: ...
    async def room(self) -> None: ...


def container_of(request: web.Request) -> Container:
    """Return the container that the path names; NotFound."""
    return request.app[ENGINE].containers.get(request.match_info["id"])


_HEAD_START = 0.1
"""Seconds after a start within which logs wait for what the program writes at first."""


def attachable(request: web.Request) -> Container:
    """Return the container that the path names; Conflict if nobody can attach to it now."""
    container = container_of(request)
    if container.status is Status.PAUSED:
        raise Conflict("Container is paused. Unpause the container before attach or use exec")
    if container.status is Status.RESTARTING:
        name = request.match_info["id"]
        raise Conflict(f"container {name} is restarting, wait until the container is running")
    return container


async def attach(request: web.Request) -> web.StreamResponse:
    container = attachable(request)
    keys = parse_detach_keys(request.query.get("detachKeys", ""))
    wanted = wanted_streams(request)
    writes = flag(request, "stdin") and flag(request, "stream")
    client = Hijacked(request, container.streams, writes, keys)
    client.wanted = wanted
    client.take_over(_media_type(request, container), "Upgrade" in request.headers)
    if flag(request, "logs") and container.log is not None:
        await client.noticed()
        await send_log(container.log, client)
    if flag(request, "stream") and not client.closed.done():
        container.streams.attach(client)
        request.app[ENGINE].containers.log_event(container, "attach")
        await client.noticed()
        await client.closed
        if client.left:
            request.app[ENGINE].containers.log_event(container, "detach")
    else:
        client.finish()
        await client.noticed()
    return Taken()


async def send_log(log: LogFile, client: Listener) -> None:
    """Send what was written before; returns in the very moment up to which that is."""
    offset, more = 0, True
    with log.opened() as file:
        while more and not client.closed.done():
            lines, offset, more = await asyncio.to_thread(read, file, LogQuery(), offset)
            _send_lines(lines, client)
            await client.room()
        # what came meanwhile is little; without a pause nothing falls between it and the attaching
        _send_lines(read(file, LogQuery(), offset)[0], client)


def _send_lines(lines: list[LogLine], client: Listener) -> None:
    for line in lines:
        client.send(line.stream, line.text.encode())


async def resize(request: web.Request) -> web.Response:
    rows, columns = terminal_size(request)
    container = container_of(request)
    if not container.record.state.is_running:
        raise Conflict(f"container {container.id} is not running")
    container.streams.resize(rows, columns)
    request.app[ENGINE].containers.log_event(
        container, "resize", height=str(rows), width=str(columns)
    )
    return web.Response(status=200)


def terminal_size(request: web.Request) -> tuple[int, int]:
    """Return the rows and columns that a request asks for; InvalidParameter."""
    rows, columns = number(request, "h"), number(request, "w")
    if rows is None or columns is None or not (0 <= rows < 65536 and 0 <= columns < 65536):
        raise InvalidParameter("invalid size of a terminal: h and w must be numbers")
    return rows, columns


async def logs(request: web.Request) -> web.StreamResponse:
    container = container_of(request)
    wanted = wanted_streams(request)
    if not wanted - {STDIN}:
        raise InvalidParameter("Bad parameters: you must choose at least one stream")
    log = container.log
    if log is None:
        raise InvalidParameter("configured logging driver does not support reading")
    query = _log_query(request, wanted)
    with_times, follow = flag(request, "timestamps"), flag(request, "follow")

    def shape(line: LogLine) -> bytes:
        data = (f"{line.at} {line.text}" if with_times else line.text).encode()
        return data if container.streams.terminal else frame(line.stream, data)

    async def send(file: io.BufferedReader) -> None:
        async for lines in log.stream(file, query, follow):
            await response.write(b"".join(map(shape, lines)))

    if not follow:
        await _let_it_speak(container)
    response = web.StreamResponse(headers={"Content-Type": _media_type(request, container)})
    # before the answer: a client that has it may remove the container, and read on
    with log.opened() as file, contextlib.suppress(ConnectionError):
        await response.prepare(request)
        await while_wanted(request, send(file))
        await response.write_eof()
    return response


async def _let_it_speak(container: Container) -> None:
    """Wait until a program has run for as long as it has with Docker when a start is answered.

    Here that answer comes earlier, and clients look for the first words right after it.
    """
    # never longer: the clock may have been set back since the start
    end = min(seconds_of(container.record.state.started_at), time.time()) + _HEAD_START
    while container.record.state.is_running and time.time() < end:
        await asyncio.sleep(0.005)


def wanted_streams(request: web.Request) -> frozenset[int]:
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


ROUTES = [
    ("POST", "/containers/{id}/attach", attach),
    ("POST", "/containers/{id}/resize", resize),
    ("GET", "/containers/{id}/logs", logs),
]
