"""What the application carries for its handlers."""

from __future__ import annotations

from aiohttp import web

from lab.engine.core import Engine

ENGINE: web.AppKey[Engine] = web.AppKey("engine", Engine)
