"""The extension of the Jupyter server: it has the engine, and says how the engine is.

The engine is the lab's own, or a Docker Engine of the learner's own (`lab start --docker-host`).
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.application import ExtensionApp
from tornado import web

from lab.config import Config
from lab.course.progress import Progress
from lab.jupyter import course, environment, fresh, hub, meter
from lab.jupyter.foreign import ForeignEngine
from lab.jupyter.fresh import Engine, Engines
from lab.jupyter.keeper import EngineKeeper

_ENGINE = "lab_engine"


class EngineHandler(APIHandler):
    """GET `lab/engine`: its kind, its state (`starting`, `ready`, `failed`) and a message."""

    @web.authenticated
    async def get(self) -> None:
        engine: Engines = self.settings[_ENGINE]
        status = await asyncio.to_thread(lambda: engine.status)
        self.finish({"engine": engine.kind, "state": status.state, "message": status.message})


class LabExtension(ExtensionApp):
    """Starts the engine with the Jupyter server and stops it with it."""

    name = "docker_learning_lab"
    extension_url = "/lab"

    def _link_jupyter_server_extension(self, serverapp: Any) -> None:
        super()._link_jupyter_server_extension(serverapp)
        # before any of them is initialized: JupyterLab then knows where to look
        meter.show_panel(serverapp.extension_manager.extension_apps)

    def initialize_settings(self) -> None:
        config = Config.from_environ()
        environment.apply(config, os.environ)
        self.engine = Engines(lambda: self._engine_of(config))
        self.settings[_ENGINE] = self.engine
        self.settings[meter.METER] = meter.Meter()
        self.settings[hub.HUB] = None if config.docker_host else config.socket
        self.settings[fresh.FRESH] = self.engine
        passing = course.is_passing(os.environ)
        kept = Progress(config.state)
        self.settings[course.COURSE] = course.Course(kept, self.engine.kind, passing)
        self.engine.start()

    def initialize_handlers(self) -> None:
        self.handlers.append((r"/lab/engine/?", EngineHandler))
        self.handlers.append((r"/lab/engine/reset", fresh.FreshHandler))
        self.handlers.extend(course.HANDLERS)
        self.handlers.append((r"/lab/doctor/?", meter.MeterHandler))
        self.handlers.append((r"/lab/hub", web.RedirectHandler, {"url": "hub/"}))
        self.handlers.append((r"/lab/hub/(.*)", hub.HubHandler))

    def _prepare_handlers(self) -> None:
        super()._prepare_handlers()  # type: ignore[no-untyped-call]
        assert self.serverapp is not None
        # JupyterLab answers every other path below `/lab/`, and is loaded before this extension
        rules = self.serverapp.web_app.default_router.rules
        rules.insert(0, rules.pop(-2))

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        # by now the extension for terminals is there, whatever the order of loading
        terminals = serverapp.web_app.settings.get("terminal_manager")
        if terminals is not None:
            terminals.shell_command = environment.without_login(terminals.shell_command)

    async def stop_extension(self) -> None:
        await asyncio.to_thread(self.engine.stop)

    def _engine_of(self, config: Config) -> Engine:
        if config.docker_host:
            return ForeignEngine(config.docker_host)
        return EngineKeeper(engine_command(config), config.home / "engine.log", self._tell)

    def _tell(self, message: str) -> None:
        self.log.warning("docker-learning-lab: %s", message)


def engine_command(config: Config) -> list[str]:
    """Return the command line of the engine that belongs to a Jupyter server."""
    return [
        sys.executable,
        "-m",
        "lab.cli",
        "engine",
        "--socket",
        str(config.socket),
        "--root",
        str(config.engine_root),
        "--sandbox",
        config.sandbox,
        "--until-stdin-closes",
    ]
