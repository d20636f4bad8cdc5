"""The engine as a program: core, API, Hub, sockets.  Started by the sandbox's first process.

`main` gets lab.config.EngineConfig as JSON, and the number of the channel to the spawner.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import resource
import signal
import socket
import sqlite3
import sys
from typing import Any

from aiohttp import web

from lab.api.app import make_app
from lab.api.errors import describe
from lab.api.versions import ENGINE_VERSION
from lab.config import EngineConfig
from lab.engine.core import Engine
from lab.errors import LabError
from lab.kernel import malloc, syscalls
from lab.kernel.flags import PR

SHUTDOWN_SECONDS = 2.0
"""How long open requests may go on when the engine stops."""

_SILENCE = 10.0

_log = logging.getLogger(__name__)


async def serve(config: EngineConfig, spawner_fd: int) -> None:
    """Run the engine until the launcher asks it to stop."""
    spawner = socket.socket(fileno=spawner_fd)
    launcher = socket.socket(fileno=config.launcher_fd)
    listener = socket.socket(fileno=config.listen_fd)
    for each in (spawner, launcher, listener):
        each.set_inheritable(False)
    asyncio.get_running_loop().set_exception_handler(_Complaints())
    engine = Engine(config, spawner, launcher, ENGINE_VERSION)
    await engine.start()
    stopped = asyncio.Event()
    engine.link.watch(stopped.set)
    hub = await _site(engine.hub.app(), path=str(engine.hub_socket))
    api = await _site(make_app(engine), sock=listener)
    engine.link.ready()
    gc.collect()
    await stopped.wait()
    await engine.stop_containers()
    for runner in (api, hub):
        await runner.cleanup()
    await engine.close()


class _Complaints:
    """What the event loop has to complain about; lack of descriptors only now and then.

    The loop tells of that a hundred times a second, each time with a trace, and whoever reads our
    standard error may be slow.
    """

    def __init__(self) -> None:
        self._silent_until = 0.0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in (errno.EMFILE, errno.ENFILE):
            loop.default_exception_handler(context)
        elif loop.time() >= self._silent_until:
            self._silent_until = loop.time() + _SILENCE
            _log.warning("no client can be served for now: %s", error.strerror)


async def _site(
    app: web.Application, path: str | None = None, sock: socket.socket | None = None
) -> web.AppRunner:
    # handlers go on when their client leaves: a start must not stop halfway
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=False, shutdown_timeout=SHUTDOWN_SECONDS
    )
    await runner.setup()
    site = web.UnixSite(runner, path) if path else web.SockSite(runner, sock)  # type: ignore[arg-type]
    await site.start()
    return runner


def main(config: str, spawner_fd: int) -> None:
    """Run the engine; returns when it has been stopped, and exits with 1 if it cannot start."""
    # containers' processes run beside this one: none may look into its memory or take its files
    syscalls.prctl(PR.SET_DUMPABLE, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _allow_many_files()
    malloc.keep_small()
    logging.basicConfig(level=logging.WARNING, format="lab engine: %(message)s", stream=sys.stderr)
    try:
        asyncio.run(serve(EngineConfig.from_json(config), spawner_fd))
    except (LabError, OSError, sqlite3.Error) as error:
        sys.exit(f"lab engine: {describe(error)}")


def _allow_many_files() -> None:
    """Use the whole hard limit: connections of published ports need two descriptors each."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
