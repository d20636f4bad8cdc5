"""The extension of the Jupyter server: it has the engine, and says how the engine is."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.application import ExtensionApp
from tornado import web

from lab.config import Config
from lab.jupyter import environment
from lab.jupyter.keeper import EngineKeeper

_ENGINE = "lab_engine"


class EngineHandler(APIHandler):
    """GET `lab/engine`: the engine's state (`starting`, `ready`, `failed`) and a message."""

    @web.authenticated
    def get(self) -> None:
        status = self.settings[_ENGINE].status
        self.finish({"state": status.state, "message": status.message})


class LabExtension(ExtensionApp):
    """Starts the engine with the Jupyter server and stops it with it."""

    name = "docker_learning_lab"
    extension_url = "/lab"

    def initialize_settings(self) -> None:
        config = Config.from_environ()
        environment.apply(config, os.environ)
        self.engine = EngineKeeper(engine_command(config), config.home / "engine.log", self._tell)
        self.settings[_ENGINE] = self.engine
        self.engine.start()

    def initialize_handlers(self) -> None:
        self.handlers.append((r"/lab/engine/?", EngineHandler))

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
        "--until-stdin-closes",
    ]
