"""The lab as a newcomer has it: a fresh checkout, `lab start`, a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from .running import RunningLab, check_out, start_lab

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
).split()
"""No display, and nothing of the browser's own on the network."""


@pytest.fixture(scope="session")
def lab(catalog: Path, short_tmp: Path) -> Iterator[RunningLab]:
    """A fresh checkout's lab, with nothing in its engine but what the Hub offers."""
    home = short_tmp / "home"
    home.mkdir()
    (home / "catalog").symlink_to(catalog)
    running = start_lab(check_out(short_tmp / "checkout"), home, 8990)
    yield running
    assert running.stop() == 0


# a loaded machine may be slow, and what is true at once is not waited for
expect.set_options(timeout=20_000)


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
