"""An engine's socket that gives prepared answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

DOCKER = {"/version": {"ApiVersion": "1.47", "Version": "27"}}


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    answers: dict[str, Any]
    asked: list[str]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/v1."):
            path = path[path.index("/", 1) :]
        self.server.asked.append(self.path)
        answer = self.server.answers.get(path)
        status, body = (404, {"message": "page not found"}) if answer is None else (200, answer)
        self._answer(status, body)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(f"{self.path} {json.dumps(body, sort_keys=True)}")
        self._answer(self.server.answers.get(f"POST {self.path}", 404), {})

    def _answer(self, status: int, body: Any) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if isinstance(body, bytes):  # a stream
            self.send_header("Transfer-Encoding", "chunked")
            content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            content = json.dumps(body).encode()
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def engine(socket: Path, answers: dict[str, Any]) -> Iterator[list[str]]:
    """Serve `answers`, by path; yield the list of what was asked."""
    with _Server(str(socket), _Handler) as server:
        server.answers, server.asked = {**DOCKER, **answers}, []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.asked
        finally:
            server.shutdown()
            thread.join()
