"""The Hub's page in the learner's browser: `lab/hub/` of the Jupyter server, passed to the engine.

Who may use the server may see the page; its own forms prove their origin, so Jupyter's proof, which
they do not carry, is not asked for.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
from pathlib import Path

from jupyter_server.base.handlers import JupyterHandler
from tornado import web

HUB = "lab_hub"
"""The key, in the server's settings, of the engine's socket; None if the engine is not the lab's."""

_LIMIT = 30.0
_PAGE = "/lab/v1/hub/"
_ASKED = ("Accept-Language", "Cookie", "Content-Type", "Sec-Fetch-Site")
_ANSWERED = (
    "Cache-Control",
    "Content-Security-Policy",
    "Content-Type",
    "Location",
    "Referrer-Policy",
    "X-Content-Type-Options",
)


class HubHandler(JupyterHandler):
    """GET and POST `lab/hub/...`: the engine's answer, as it is."""

    def check_xsrf_cookie(self) -> None:
        """Leave that to the page: its forms have a proof of their own."""

    @web.authenticated
    async def get(self, path: str) -> None:
        await self._pass_on(path)

    @web.authenticated
    async def post(self, path: str) -> None:
        await self._pass_on(path)

    async def _pass_on(self, path: str) -> None:
        engine: Path | None = self.settings[HUB]
        if engine is None:
            raise web.HTTPError(404, "a Docker Engine of one's own has no Hub of the lab's")
        try:
            status, headers, body = await asyncio.to_thread(self._ask, engine, path)
        except OSError as error:
            raise web.HTTPError(503, f"the lab's engine does not answer: {error}") from error
        self.set_status(status)
        # tornado's own idea of what may be in a page is for Jupyter's pages
        self.clear_header("Content-Security-Policy")
        for name, value in headers:
            if name in _ANSWERED:
                self.set_header(name, value)
            elif name == "Set-Cookie":
                self.add_header(name, value)
        self.finish(body)

    def _ask(self, engine: Path, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
        headers = {name: value for name in _ASKED if (value := self.request.headers.get(name))}
        headers["X-Forwarded-Prefix"] = f"{self.base_url}lab/hub"
        query = f"?{self.request.query}" if self.request.query else ""
        connection = _Connection(engine)
        try:
            connection.request(
                self.request.method or "GET",
                f"{_PAGE}{path}{query}",
                self.request.body or None,
                headers,
            )
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    """HTTP to a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("lab", timeout=_LIMIT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_LIMIT)
        self.sock.connect(str(self._path))
