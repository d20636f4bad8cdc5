"""An engine of one page: it keeps what it is given, and hands it back changed."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer


@dataclass
class FakeEngine:
    """Its answers; `calls` are the requests, method and path, in order.

    `change` makes the exported archive from the imported one; `output` is what a container prints,
    given its command.
    """

    socket: str = ""
    calls: list[str] = field(default_factory=list)
    created: list[dict[str, object]] = field(default_factory=list)
    imported: bytes = b""
    exit_code: int = 0
    import_error: str = ""
    output: Callable[[list[str]], bytes] = lambda command: b""
    change: Callable[[bytes], bytes] = lambda archive: archive


@contextmanager
def fake_engine(folder: Path) -> Iterator[FakeEngine]:
    """Serve one on a socket in `folder`."""
    engine = FakeEngine(str(folder / "engine.sock"))
    handler = type("Handler", (_Handler,), {"engine": engine})
    with _Server(engine.socket, handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield engine
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up is part of the tests; its own error is what they look at."""


class _Handler(BaseHTTPRequestHandler):
    engine: FakeEngine
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._note()
        if self.path.endswith("/version"):
            self._json({"ApiVersion": "1.47"})
        elif "/logs" in self.path:
            self._bytes(self._log())
        elif self.path.endswith("/export"):
            self._bytes(self.engine.change(self.engine.imported))
        else:
            self._json({"Config": {"Tty": False}})

    def do_POST(self) -> None:
        self._note()
        body = self._body()
        if "/images/create" in self.path:
            self.engine.imported = body
            error = self.engine.import_error
            self._json({"error": error} if error else {"status": "sha256:abc"})
        elif "/containers/create" in self.path:
            self.engine.created.append(json.loads(body))
            self._json({"Id": "c1"})
        elif "/wait" in self.path:
            self._json({"StatusCode": self.engine.exit_code})
        else:
            self._empty()

    def do_DELETE(self) -> None:
        self._note()
        self._json([]) if "/images/" in self.path else self._empty()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests quiet."""

    def address_string(self) -> str:
        return "test"

    def _note(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/v1.47")
        self.engine.calls.append(f"{self.command} {path}")

    def _log(self) -> bytes:
        command = self.engine.created[-1]["Cmd"]
        assert isinstance(command, list)
        text = self.engine.output(command)
        # two frames, cut in the middle of a line
        parts = (text[:10], text[10:])
        return b"".join(struct.pack(">BxxxL", 1, len(part)) + part for part in parts if part)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        # a client that gives up in the middle sends no further size
        while size := int(self.rfile.readline() or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _json(self, value: object) -> None:
        self._bytes(json.dumps(value).encode(), "application/json")

    def _bytes(self, content: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _empty(self) -> None:
        self.send_response(204)
        self.end_headers()
