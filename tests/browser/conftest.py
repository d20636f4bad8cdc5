"""The lab as a newcomer has it: a fresh checkout, `lab start`, a browser."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
).split()
"""No display, and nothing of the browser's own on the network."""

START_LIMIT = 60.0
STOP_LIMIT = 30.0


class RunningLab:
    """A `lab start`: its process, the address that it printed, and its folders."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, home: Path) -> None:
        self.process = process
        self.url = url
        self.home = home

    @property
    def docker_host(self) -> str:
        return f"unix://{self.home / 'engine' / 'docker.sock'}"

    def address(self, notebook: str) -> str:
        """Return the address of a notebook, in a workspace of its own."""
        base, _, token = self.url.partition("?token=")
        server = base.partition("/lab")[0]
        name = notebook.replace("/", "-").partition(".")[0]
        return f"{server}/lab/workspaces/{name}/tree/{notebook}?token={token}"


@pytest.fixture(scope="session")
def lab(catalog: Path, short_tmp: Path) -> Iterator[RunningLab]:
    """A fresh checkout's lab, with nothing in its engine but what the Hub offers."""
    home = short_tmp / "home"
    home.mkdir()
    (home / "catalog").symlink_to(catalog)
    checkout = short_tmp / "checkout"
    for part in ("lab", "notebooks"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    environ = {**os.environ, "LAB_HOME": str(home), "PYTHONPATH": str(checkout)}
    environ.pop("DOCKER_HOST", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.cli", "start", "--no-browser", "--port", "8990"],
        cwd=checkout,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    running = RunningLab(process, _printed_address(process), home)
    yield running
    process.terminate()
    process.communicate(timeout=STOP_LIMIT)
    assert process.returncode == 0


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window of an ordinary size; errors in the page's own scripts fail the test."""
    opened = browser.new_page(viewport={"width": 1500, "height": 1100})
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: $LAB_SCREENSHOTS, else a temporary folder."""
    wanted = os.environ.get("LAB_SCREENSHOTS")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
    raise AssertionError(f"lab start printed no address: {said.decode(errors='replace')}")
