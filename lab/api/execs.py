"""Routes of execs.  Source: Docker Engine API, Exec."""

from __future__ import annotations

from aiohttp import web

from lab.api.bodies import answer, read_object
from lab.api.params import number
from lab.api.streams import MULTIPLEXED, RAW, Hijacked, Taken, parse_detach_keys
from lab.api.system import ENGINE
from lab.engine.execs import Exec, parse_settings
from lab.errors import Conflict, InvalidParameter, LabError, StartError
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
    size = body.get("ConsoleSize") or (0, 0)
    if not (len(size) == 2 and all(isinstance(n, int) for n in size)):
        raise InvalidParameter("ConsoleSize must be two numbers")
    console_size = (size[0], size[1])
    if fields.boolean(body, "Detach"):
        try:
            await execs.start(wanted, console_size)
        except StartError as error:
            wanted.streams.abandon()
            raise StartError(_exec_failure(error)) from None
        return web.Response(status=200)
    if wanted.started:
        raise Conflict(f"exec {wanted.id} has already run")
    return await _start_attached(request, wanted, console_size)


async def _start_attached(
    request: web.Request, wanted: Exec, console_size: tuple[int, int]
) -> web.StreamResponse:
    settings = wanted.settings
    keys = parse_detach_keys(settings.detach_keys)
    client = Hijacked(request, wanted.streams, settings.stdin, keys)
    client.wanted = frozenset([STDOUT] * settings.stdout + [STDERR] * settings.stderr)
    version = tuple(int(part) for part in request.match_info.get("version", "1.47").split("."))
    raw = settings.terminal or version < (1, 42)
    client.take_over(RAW if raw else MULTIPLEXED, "Upgrade" in request.headers)
    wanted.streams.attach(client)
    try:
        await request.app[ENGINE].execs.start(wanted, console_size)
    except StartError as error:
        # the answer's header is out: Docker, too, tells the client through the stream
        client.send(STDOUT, f"{_exec_failure(error)}\r\n".encode())
        wanted.streams.abandon()
    except LabError as error:
        client.send(STDOUT, f"{error.message}\r\n".encode())
        wanted.streams.abandon()
    await client.closed
    return Taken()


def _exec_failure(error: StartError) -> str:
    return (
        "OCI runtime exec failed: exec failed: unable to start container process: "
        f"{error.message}: unknown"
    )


async def resize(request: web.Request) -> web.Response:
    rows, columns = number(request, "h"), number(request, "w")
    if rows is None or columns is None or not (0 <= rows < 65536 and 0 <= columns < 65536):
        raise InvalidParameter("invalid size of a terminal: h and w must be numbers")
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
                "privileged": False,
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
