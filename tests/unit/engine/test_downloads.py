"""Files that a build fetches from a web server."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.engine.downloads import download
from lab.errors import BuildError, LabError

CONTENT = b"x" * 200_000


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404, "Not Found")
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.send_header("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")
        if self.path == "/named/":
            self.send_header("Content-Disposition", 'attachment; filename="other.bin"')
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "name"), [("/a/f%20g.txt?q=1", "f g.txt"), ("/named/", "other.bin"), ("/a/", "")]
)
def test_name_time_and_content(address: str, tmp_path: Path, path: str, name: str) -> None:
    """Is the name that of the address, or the server's, and is the time the server's?"""
    told: list[Any] = []
    got = download(address + path, tmp_path / "f", told.append, lambda: False)
    assert (got.name, got.mtime_ns) == (name, 1_700_000_000_000_000_000)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert told[-1]["status"] == "Downloading"
    assert told[-1]["progressDetail"] == {"current": len(CONTENT), "total": len(CONTENT)}


def test_what_cannot_be_had(address: str, tmp_path: Path) -> None:
    """Are an error of the server, a closed port, and the end of the build told apart?"""
    with pytest.raises(BuildError, match=r"failed to GET .*/missing with status 404 Not Found"):
        download(f"{address}/missing", tmp_path / "f", print, lambda: False)
    with pytest.raises(BuildError, match="connection refused"):
        download("http://127.0.0.1:1/f", tmp_path / "f", print, lambda: False)
    with pytest.raises(LabError, match="Build cancelled"):
        download(f"{address}/f", tmp_path / "f", lambda message: None, lambda: True)
