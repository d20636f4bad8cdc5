"""`lab start` as a program, in a fresh checkout of its own."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ..conftest import until

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT = 60.0


class RunningLab:
    """A `lab start`: its process, the address that it printed, and its folder."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, home: Path) -> None:
        self.process = process
        self.url = url
        self.home = home

    @property
    def docker_host(self) -> str:
        return f"unix://{self.home / 'engine' / 'docker.sock'}"

    def address(self, notebook: str) -> str:
        """Return the address of a notebook, in a workspace of its own."""
        page, _, token = self.url.partition("?token=")
        server = page.partition("/lab")[0]
        name = notebook.replace("/", "-").partition(".")[0]
        return f"{server}/lab/workspaces/{name}/tree/{notebook}?token={token}"

    def ask(self, path: str, token: str | None = None, body: Any = None) -> bytes:
        """Ask the server, with the printed token unless another is given; PUT if there is a body."""
        page, _, printed = self.url.partition("?token=")
        request = urllib.request.Request(
            f"{page.partition('/lab')[0]}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method="GET" if body is None else "PUT",
            headers={"Authorization": f"token {printed if token is None else token}"},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=20) as answer:
            content: bytes = answer.read()
        return content

    def listens(self) -> bool:
        """Say whether the server answers yet: it prints its address a moment before."""
        try:
            self.ask("api")
        except urllib.error.URLError:
            return False
        return True

    def status(self) -> dict[str, str]:
        """Return what the server says of its engine."""
        status: dict[str, str] = json.loads(self.ask("lab/engine"))
        return status

    def engine_pid(self) -> int | None:
        """Return the process of the engine's launcher, a child of the server; None if there is none."""
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            for pid in (thread / "children").read_text().split():
                try:
                    command = Path(f"/proc/{pid}/cmdline").read_bytes()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if b"lab.cli\0engine" in command:
                    return int(pid)
        return None

    def stop(self, limit: float = 30.0) -> int:
        """Stop it as a service manager does; return its exit code."""
        self.process.terminate()
        self.process.communicate(timeout=limit)
        return self.process.returncode


def check_out(folder: Path) -> Path:
    """Copy what a checkout needs to run into `folder`; return it."""
    for part in ("lab", "notebooks"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def start_lab(checkout: Path, home: Path, port: int, *options: str) -> RunningLab:
    """Start the lab in `home`; return when the address that it printed answers."""
    environ = {**os.environ, "LAB_HOME": str(home), "PYTHONPATH": str(checkout)}
    environ.pop("DOCKER_HOST", None)
    words = [
        sys.executable,
        "-m",
        "lab.cli",
        "start",
        "--no-browser",
        "--port",
        str(port),
        *options,
    ]
    return start_server(words, checkout, home, environ)


def start_server(words: list[str], folder: Path, home: Path, environ: dict[str, str]) -> RunningLab:
    """Start a program that has the lab in `home`; return when the address that it printed answers."""
    process = subprocess.Popen(
        words, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    running = RunningLab(process, _printed_address(process), home)
    until(running.listens, START_LIMIT, "the printed address answers")
    return running


def _printed_address(process: subprocess.Popen[bytes]) -> str:
    """Return the address that `lab start` prints, with its token."""
    assert process.stdout is not None
    said = b""
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end:
        readable, _, _ = select.select([process.stdout], [], [], 1.0)
        if not readable:
            continue
        data = os.read(process.stdout.fileno(), 65536)
        said += data
        found = re.search(rb"http://127\.0\.0\.1:\d+/\S*token=[0-9a-f]+", said)
        if found:
            return found[0].decode()
        if not data:
            break
    process.kill()
    process.communicate()
    raise AssertionError(f"lab start printed no address: {said.decode(errors='replace')}")
