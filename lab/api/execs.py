"""Routes of execs.  Source: Docker Engine API, Exec."""

from __future__ import annotations

from aiohttp import web

from lab.api.attach import terminal_size
from lab.api.bodies import answer, read_object
from lab.api.detach_keys import parse_detach_keys
from lab.api.errors import describe
from lab.api.keys import ENGINE
from lab.api.streams import MULTIPLEXED, RAW, Hijacked, Taken
from lab.api.versions import version_of
from lab.engine.execs import Exec, parse_console_size, parse_settings
from lab.engine.signals import exec_failure
from lab.engine.state import check
from lab.errors import Conflict
from lab.oci import fields
from lab.runtime.stdio import STDERR, STDOUT


async def create(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    container = engine.containers.get(request.match_info["id"])
    settings = parse_settings(await read_object(request))
    parse_detach_keys(settings.detach_keys)
    return answer({"Id": engine.execs.create(container, settings).id}, status=201)


async def start(request: web.Request) -> web.StreamResponse:
    execs = request.app[ENGINE].execs
    wanted = execs.get(request.match_info["id"])
    body = await read_object(request, optional=True)
    console_size = parse_console_size(body)
    check("exec", wanted.container.id, wanted.container.status)
    if wanted.started:
        raise Conflict(f"exec command {wanted.id} has already run")
    if not fields.boolean(body, "Detach"):
        terminal = fields.boolean(body, "Tty")
        return await _start_attached(request, wanted, console_size, terminal)
    try:
        await execs.start(wanted, console_size)
    except Exception as error:
        wanted.streams.abandon()
        raise exec_failure(error) from None
    return web.Response(status=200)


async def _start_attached(
    request: web.Request, wanted: Exec, console_size: tuple[int, int], terminal: bool
) -> web.StreamResponse:
    """Give the connection to the exec; frames are sent unless this request says `terminal`."""
    settings = wanted.settings
    keys = parse_detach_keys(settings.detach_keys)
    client = Hijacked(request, wanted.streams, settings.stdin, keys)
    client.wanted = frozenset([STDOUT] * settings.stdout + [STDERR] * settings.stderr)
    client.framed = not terminal
    raw = terminal or version_of(request) < (1, 42)
    client.take_over(RAW if raw else MULTIPLEXED, "Upgrade" in request.headers)
    wanted.streams.attach(client)
    try:
        await request.app[ENGINE].execs.start(wanted, console_size)
    except Exception as error:
        # the answer's header is out: Docker, too, tells the client through the stream
        client.tell(f"{describe(exec_failure(error))}\r\n".encode())
        wanted.streams.abandon()
    await client.noticed()
    await client.closed
    if client.left:
        containers = request.app[ENGINE].containers
        containers.log_event(wanted.container, "exec_detach", execID=wanted.id)
    return Taken()


async def resize(request: web.Request) -> web.Response:
    rows, columns = terminal_size(request)
    wanted = request.app[ENGINE].execs.get(request.match_info["id"])
    wanted.streams.resize(rows, columns)
    return web.Response(status=200)


async def inspect(request: web.Request) -> web.Response:
    wanted = request.app[ENGINE].execs.get(request.match_info["id"])
    settings = wanted.settings
    return answer(
        {
            "ID": wanted.id,
            "Running": wanted.running,
            "ExitCode": wanted.exit_code,
            "ProcessConfig": {
                "tty": settings.terminal,
                "entrypoint": settings.argv[0],
                "arguments": list(settings.argv[1:]),
                "privileged": settings.privileged,
                **({"user": settings.user} if settings.user else {}),
            },
            "OpenStdin": settings.stdin,
            "OpenStderr": settings.stderr,
            "OpenStdout": settings.stdout,
            "CanRemove": wanted.exit_code is not None,
            "ContainerID": wanted.container.id,
            "DetachKeys": settings.detach_keys,
            "Pid": wanted.pid,
        }
    )


ROUTES = [
    ("POST", "/containers/{id}/exec", create),
    ("POST", "/exec/{id}/start", start),
    ("POST", "/exec/{id}/resize", resize),
    ("GET", "/exec/{id}/json", inspect),
]
