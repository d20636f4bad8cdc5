"""Links to published ports, and pages read from them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lab.errors import InvalidParameter
from lab.widgets import open_port, read_port


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_no_port(port: int) -> None:
    """Is it refused before a link is made?"""
    with pytest.raises(InvalidParameter):
        open_port(port)


def test_link_reads_as_an_address() -> None:
    """Where no widget can be shown, does the link say where to go?"""
    assert repr(open_port(8080, "/hello.html")) == "http://localhost:8080/hello.html"


class Pages(BaseHTTPRequestHandler):
    """Answers with the path, and with 404 for /missing."""

    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()
        self.wfile.write(f"this is {self.path}".encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(port: int) -> Iterator[None]:
    with HTTPServer(("127.0.0.1", port), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        number: int = found.getsockname()[1]
    return number


def test_page_is_read(port: int) -> None:
    """Is the answer's text returned, also that of an error?"""
    with serving(port):
        assert read_port(port) == "this is /"
        assert read_port(port, "/missing") == "this is /missing"


def test_server_that_is_late(port: int) -> None:
    """Is a server that has just been started waited for?"""
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(read_port(port)))
    reader.start()
    with serving(port):
        reader.join(10)
    assert found == ["this is /"]


def test_nobody_answers(port: int) -> None:
    """Is the end of the wait an error that names the port?"""
    with pytest.raises(ConnectionError, match=f"nothing answers at localhost:{port}"):
        read_port(port, limit=0.0)
