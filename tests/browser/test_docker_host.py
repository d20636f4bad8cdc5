"""What a learner sees who brought an own Docker Engine: the lab played by one without extension."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lab.sandbox.process import EngineProcess

from ..deploy.stand_in import without_extension
from .jupyterlab import open_notebook, run_cell
from .running import RunningLab, check_out, start_lab

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def lab(engine: EngineProcess, short_tmp: Path) -> Iterator[RunningLab]:
    folder = short_tmp / "own-docker"
    (folder / "home").mkdir(parents=True)
    with without_extension(engine.socket, folder / "docker.sock") as host:
        checkout = check_out(folder / "checkout")
        running = start_lab(checkout, folder / "home", 8991, "--docker-host", host)
        yield running
        assert running.stop() == 0


@pytest.mark.parametrize(
    ("language", "notice", "words"),
    [
        ("en", "of your own", "Not available here"),
        ("ko", "직접 연결한", "여기서는 볼 수 없습니다"),
    ],
)
def test_files_of_a_layer(
    page: Page, lab: RunningLab, screenshots: Path, language: str, notice: str, words: str
) -> None:
    """Are the layers drawn, with a notice whose they are, and in place of files a plain reason?"""
    open_notebook(page, lab.address(f"{language}/02_first_container.ipynb"))
    run_cell(page, "from lab.widgets import")
    run_cell(page, 'Layers("nginx", "debian")')
    widget = page.locator(".lab-layers").first
    expect(widget.locator(".lab-notice")).to_contain_text(notice)
    widget.locator("button.lab-shared").click()
    detail = widget.locator(".lab-detail")
    expect(detail).to_contain_text(words)
    expect(detail).to_contain_text("docker history")
    widget.screenshot(path=screenshots / f"layers-own-docker-{language}.png")
