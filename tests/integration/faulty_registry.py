"""A registry on loopback that works, but for the faults that a test puts in its way."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_PATH = re.compile(r"/v2/(.+)/(blobs|manifests)/(.+)")

Fault = Callable[["Answering", bytes], None]
"""Answers in place of the registry; is handed what the right answer would hold."""


class Registry(ThreadingHTTPServer):
    """What was pushed, the faults to come, and what was asked for.

    A fault is named by repository and request: `("team/app", "GET blobs")`; those of one kind
    happen one after the other, then all is well.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.faults: defaultdict[tuple[str, str], list[Fault]] = defaultdict(list)
        self.asked: list[tuple[str, str, str]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def ranges(self, repository: str) -> list[str]:
        """Return the Range headers with which a repository's blobs were asked for, in order."""
        return [range for name, what, range in self.asked if (name, what) == (repository, "GET")]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections that broke: here they are meant to."""


class Answering(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Registry

    def do_GET(self) -> None:
        if self.path == "/v2/":
            return self.answer(200, b"{}")
        if self.path.startswith("/v1/"):
            return self.answer(404, b"")
        name, kind, what = self._target()
        store = self.server.blobs if kind == "blobs" else self.server.manifests
        content = store.get(what if kind == "blobs" else f"{name}:{what}", b"")
        if kind == "blobs" and self.command == "GET":
            self.server.asked.append((name, "GET", self.headers.get("Range", "")))
        if self._fault(name, kind, content):
            return None
        if not content:
            return self.answer(404, b"{}")
        self.give(kind, content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        name, kind, _ = self._target()
        self._body()
        if not self._fault(name, kind, b""):
            self.answer(202, b"", Location=f"/v2/{name}/blobs/uploads/1")

    def do_PATCH(self) -> None:
        name, kind, _ = self._target()
        if self._fault(name, kind, b""):
            return
        content = self._body()
        self.server.blobs["sha256:" + hashlib.sha256(content).hexdigest()] = content
        self.answer(202, b"", Location=f"/v2/{name}/blobs/uploads/1")

    def do_PUT(self) -> None:
        name, kind, what = self._target()
        content = self._body()
        if self._fault(name, kind, content):
            return None
        if kind == "blobs":
            digest = parse_qs(urlsplit(self.path).query)["digest"][0]
            return self.answer(201 if digest in self.server.blobs else 400, b"{}")
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.server.manifests[f"{name}:{what}"] = content
        self.server.manifests[f"{name}:{digest}"] = content
        self.answer(201, b"", Docker_Content_Digest=digest)

    def give(self, kind: str, content: bytes) -> None:
        """Answer a GET well, also of a part."""
        if kind == "manifests":
            media_type = json.loads(content)["mediaType"]
            return self.answer(200, content, Content_Type=media_type)
        first = self.first
        if not first:
            return self.answer(200, content)
        told = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.answer(206, content[first:], Content_Range=told)

    @property
    def first(self) -> int:
        """The byte from which on a blob is asked for."""
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))

    def answer(
        self, status: int, content: bytes, length: int | None = None, **headers: str
    ) -> None:
        """Send a response; `length` is announced, by default the right one."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def die(self) -> None:
        """Break the connection off."""
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, format: str, *words: object) -> None:
        """Be silent."""

    def _target(self) -> tuple[str, str, str]:
        match = _PATH.fullmatch(urlsplit(self.path).path)
        assert match is not None, self.path
        return match[1], match[2], match[3]

    def _fault(self, name: str, kind: str, content: bytes) -> bool:
        waiting = self.server.faults[name, f"{self.command} {kind}"]
        if not waiting:
            return False
        waiting.pop(0)(self, content)
        return True

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


def cut(answering: Answering, content: bytes) -> None:
    """Promise the rest of a blob, send half of it, and die."""
    rest = content[answering.first :]
    answering.answer(206 if answering.first else 200, rest[: len(rest) // 2], len(rest))
    answering.die()


def die(answering: Answering, content: bytes) -> None:
    """Break off without an answer, after a little of what the client sends."""
    answering.rfile.read(min(1000, int(answering.headers.get("Content-Length", 0))))
    answering.die()


def lie(answering: Answering, content: bytes) -> None:
    """Send other bytes, as many as are right."""
    answering.give("blobs", bytes(len(content)))


def shorten(answering: Answering, content: bytes) -> None:
    """Send less than there is, as if it were all."""
    answering.answer(200, content[:-1])


def refuse(status: int, code: str = "", message: str = "") -> Fault:
    """Answer with an error."""
    body = json.dumps({"errors": [{"code": code, "message": message}]} if code else {}).encode()

    def fault(answering: Answering, content: bytes) -> None:
        answering.die()  # what the client still sends is not read
        answering.answer(status, body)

    return fault


@contextmanager
def registry() -> Iterator[Registry]:
    """Serve a registry from a thread of its own."""
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
