"""The isolation meter in JupyterLab: its panel, and the report that the panel shows."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado import web

from lab.errors import LabError, Unavailable

METER = "lab_meter"
"""The key of the Meter in the server's settings."""

LABEXTENSIONS = Path(__file__).resolve().parent / "labextension"
"""The folder in which JupyterLab finds our panel."""

_LIMIT = 60.0


class Meter:
    """Runs `lab doctor` in a process of its own, since trying things needs one thread only."""

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = command or (sys.executable, "-m", "lab.cli", "doctor", "--json")
        self._latest: dict[str, Any] | None = None
        self._lock = asyncio.Lock()

    async def report(self, anew: bool = False) -> dict[str, Any]:
        """Return the latest report (measured now if `anew`, or if there is none), and its time.

        Who asks while it is being measured gets that one.  Raises Unavailable.
        """
        before = self._latest
        async with self._lock:
            if self._latest is None or (anew and self._latest is before):
                self._latest = {**await self._measure(), "measured": int(time.time())}
            return self._latest

    async def _measure(self) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            said, complaints = await asyncio.wait_for(process.communicate(), _LIMIT)
            report: dict[str, Any] = json.loads(said)
        except TimeoutError:
            raise Unavailable(f"lab doctor gave no answer within {_LIMIT:.0f} seconds") from None
        except ValueError:
            reason = complaints.decode(errors="replace").strip().rpartition("\n")[2]
            raise Unavailable(f"lab doctor failed: {reason or 'it said nothing'}") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return report


class MeterHandler(APIHandler):
    """`lab/doctor`: GET answers with the latest report, POST measures anew."""

    @web.authenticated
    async def get(self) -> None:
        await self._answer(anew=False)

    @web.authenticated
    async def post(self) -> None:
        await self._answer(anew=True)

    async def _answer(self, anew: bool) -> None:
        try:
            self.finish(await self.settings[METER].report(anew))
        except LabError as error:
            self.set_status(503)
            self.finish({"message": error.message})


def show_panel(apps: Mapping[str, set[Any]]) -> None:
    """Let JupyterLab (and what is made of it) find the panel; `apps` are the server's extensions."""
    for app in {app for group in apps.values() for app in group}:
        if app.has_trait("extra_labextensions_path"):
            known = list(app.extra_labextensions_path)
            if str(LABEXTENSIONS) not in known:
                app.extra_labextensions_path = [*known, str(LABEXTENSIONS)]
