"""A fresh engine in place of the one that runs: its images, containers and accounts are forgotten."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from jupyter_server.base.handlers import APIHandler
from tornado import web

from lab.errors import Conflict, LabError, Unavailable
from lab.jupyter.keeper import State, Status

FRESH = "lab_fresh"
"""The key of the Fresh in the server's settings."""

_LIMIT = 120.0


class Engine(Protocol):
    """What the server has to do with an engine; `kind` is `lab`, or `docker` for a learner's own.

    To ask for the `status` may take a moment.  `start` returns at once, `stop` when it has ended.
    """

    kind: str

    @property
    def status(self) -> Status: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Engines:
    """The engine that there is now; `again` puts a fresh one in its place."""

    def __init__(self, make: Callable[[], Engine], command: Sequence[str] = ()) -> None:
        """`make` returns an engine that is not started; `command` empties its folder."""
        self._make = make
        self._command = command or (sys.executable, "-m", "lab.cli", "reset", "--yes")
        self._lock = threading.Lock()
        self._stopped = False
        self._emptying = False
        self._now = make()

    @property
    def kind(self) -> str:
        return self._now.kind

    @property
    def status(self) -> Status:
        if self._emptying:
            return Status(State.STARTING, "the engine is reset")
        return self._now.status

    def start(self) -> None:
        self._now.start()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._now.stop()

    def again(self) -> None:
        """Stop the engine, empty its folder, start it; it is started even if that failed.

        Raises Conflict where the engine is not the lab's, or is being reset; Unavailable.
        """
        if self.kind != "lab":
            raise Conflict("this is a Docker Engine of your own: the lab does not reset it")
        if not self._lock.acquire(blocking=False):
            raise Conflict("the engine is being reset, or stopped, already")
        try:
            if self._stopped:
                raise Conflict("the lab is being stopped")
            self._emptying = True
            self._now.stop()
            try:
                self._empty()
            finally:
                self._now = self._make()
                self._now.start()
        finally:
            self._emptying = False
            self._lock.release()

    def _empty(self) -> None:
        try:
            done = subprocess.run(
                self._command, capture_output=True, text=True, timeout=_LIMIT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"the engine's folder could not be emptied: {error}") from error
        if done.returncode != 0:
            raise Unavailable(f"the engine's folder could not be emptied: {done.stderr.strip()}")


class FreshHandler(APIHandler):
    """POST `lab/engine/reset`: answers when the fresh engine is being started."""

    @web.authenticated
    async def post(self) -> None:
        engines: Engines = self.settings[FRESH]
        try:
            await asyncio.to_thread(engines.again)
        except LabError as error:
            self.set_status(409 if isinstance(error, Conflict) else 503)
            self.finish({"message": error.message})
            return
        self.finish({})
