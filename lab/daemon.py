"""The engine as a program: core, API, Hub, sockets.  Started by the sandbox's first process.

`main` gets lab.config.EngineConfig as JSON, and the number of the channel to the spawner.  Where
the configuration says `waits`, there is a gate: the program gets as far as it can without an
engine, says `warm`, and goes on when the launcher says `go`.  A virtual machine is saved there.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import random
import resource
import signal
import socket
import sqlite3
import ssl
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from lab.api.app import make_app
from lab.api.errors import describe
from lab.api.versions import ENGINE_VERSION
from lab.config import EngineConfig
from lab.engine.core import Engine
from lab.engine.warm import warm_up
from lab.errors import LabError
from lab.kernel import channel, malloc, syscalls
from lab.kernel.flags import PR

SHUTDOWN_SECONDS = 2.0
"""How long open requests may go on when the engine stops."""

_SILENCE = 10.0
_SEED_BYTES = 48

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
    settings = EngineConfig.from_json(config)
    try:
        if settings.waits:
            settings = wait_for_go(settings)
        asyncio.run(serve(settings, spawner_fd))
    except (LabError, OSError, sqlite3.Error) as error:
        sys.exit(f"lab engine: {describe(error)}")


def wait_for_go(config: EngineConfig) -> EngineConfig:
    """Get ready, say `warm`, and return when told to `go`: the configuration that now holds.

    The message may name another `catalog`, and the folder that the host keeps for the engine.
    Exits if the engine is not wanted any more.
    """
    with socket.socket(fileno=os.dup(config.launcher_fd)) as launcher:
        # patterns of all routes, which are kept once they have been compiled
        make_app(cast(Engine, None))
        warm_up()
        channel.send(launcher, {"op": "warm"})
        received = channel.receive(launcher)
    if received is None or received[0]["op"] != "go":
        sys.exit(0)
    _renew_randomness()
    catalog = received[0].get("catalog")
    own = received[0].get("own", "")
    return replace(config, catalog=Path(catalog) if catalog else None, outer_root=own)


def _renew_randomness() -> None:
    """Forget the random state of this process: every machine resumed from one state has the same.

    Names and identifiers come from the kernel, which has fresh randomness by now.
    """
    random.seed()
    ssl.RAND_add(os.urandom(_SEED_BYTES), _SEED_BYTES)


def _allow_many_files() -> None:
    """Use the whole hard limit: connections of published ports need two descriptors each."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
