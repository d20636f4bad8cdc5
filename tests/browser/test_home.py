"""Home: it opens first, leads to the lessons, follows what is run, and forgets what it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from lab.course.progress import Progress

from ..conftest import until
from .jupyterlab import LIMIT, run_cell, wait_idle
from .running import RunningLab, check_out, start_lab
from .test_first_container import choose_theme

pytestmark = pytest.mark.timeout(180)

LESSON = "02_first_container"
PORT = 8992


@pytest.fixture(scope="module")
def lab(catalog: Path, short_tmp: Path) -> Iterator[RunningLab]:
    """A lab of this module's own: its engine and its progress are reset."""
    running = start_in(short_tmp / "at-home", catalog)
    yield running
    assert running.stop() == 0


def start_in(folder: Path, catalog: Path) -> RunningLab:
    home = folder / "home"
    home.mkdir(parents=True)
    (home / "catalog").symlink_to(catalog)
    return start_lab(check_out(folder / "checkout"), home, PORT)


def open_home(page: Page, lab: RunningLab, workspace: str = "") -> Locator:
    """Open the address that `lab start` printed, or a workspace; Home is what one sees."""
    place = f"/lab/workspaces/{workspace}?reset&token=" if workspace else "/lab?token="
    page.goto(lab.url.replace("/lab?token=", place))
    home = page.locator(".docker-lab-home")
    expect(lesson(home, LESSON)).to_be_visible(timeout=LIMIT)
    return home


def lesson(home: Locator, name: str) -> Locator:
    return home.locator(f"li[data-lesson='{name}']")


def section(home: Locator, name: str) -> Locator:
    return home.locator(f"section[data-section={name}]")


def told(lab: RunningLab) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lab.ask("lab/course"))
    return found


def test_home_opens_first_and_follows_a_cell(
    page: Page, lab: RunningLab, screenshots: Path
) -> None:
    """Does Home open at the printed address, open a lesson, and show the cell that was run?"""
    assert "/lab?token=" in lab.url
    home = open_home(page, lab)
    expect(home.get_by_role("heading", level=1)).to_have_text("Docker Learning Lab")
    expect(section(home, "engine")).to_contain_text("The engine answers.")
    expect(section(home, "real")).to_contain_text("the engine lives in", ignore_case=True)
    expect(lesson(home, LESSON)).to_have_attribute("data-state", "new")
    page.screenshot(path=screenshots / "home-light-en.png")
    lesson(home, LESSON).get_by_role("button").click()
    expect(page.locator(".jp-Notebook")).to_be_visible(timeout=LIMIT)
    wait_idle(page)
    run_cell(page, "!docker ps")
    until(lambda: Progress(lab.home / "state").read().cells.get(LESSON), 20, "the cell is noted")
    page.locator(".lm-DockPanel-tabBar .lm-TabBar-tabLabel", has_text="Docker Learning Lab").click()
    expect(lesson(home, LESSON)).to_have_attribute("data-state", "begun")
    expect(lesson(home, LESSON)).to_contain_text("1 of")
    expect(home.locator(".docker-lab-first")).to_contain_text("Go on: Your first container")
    noted = Progress(lab.home / "state").read().cells[LESSON]
    assert any(cell.covers for cell in noted.values())


def test_korean_dark_and_narrow(page: Page, lab: RunningLab, screenshots: Path) -> None:
    """Does the switch change Home, JupyterLab and the lesson, and does a dark narrow panel hold it?"""
    choose_theme(lab, "JupyterLab Dark")
    page.set_viewport_size({"width": 800, "height": 1100})
    try:
        home = open_home(page, lab, "home-ko")
        home.locator("[data-language=ko]").click()
        expect(home.get_by_role("heading", level=1)).to_have_text("Docker 실습실")
        asked = page.locator(".jp-Dialog")
        expect(asked).to_be_visible()
        page.screenshot(path=screenshots / "home-ko-asked.png")
        asked.locator(".jp-mod-accept").click()
        menus = page.locator("#jp-MainMenu")
        expect(menus).to_contain_text("파일", timeout=LIMIT)
        expect(home.get_by_role("heading", level=1)).to_have_text("Docker 실습실", timeout=LIMIT)
        expect(lesson(home, LESSON)).to_contain_text("첫 컨테이너")
        assert home.evaluate("(element) => element.scrollWidth <= element.clientWidth")
        page.screenshot(path=screenshots / "home-dark-ko-narrow.png")
        lesson(home, LESSON).get_by_role("button").press("Enter")
        expect(page.locator(".jp-Notebook")).to_contain_text("컨테이너", timeout=LIMIT)
    finally:
        choose_theme(lab, "JupyterLab Light")
        spoken = {"raw": json.dumps({"locale": "en"})}
        lab.ask("lab/api/settings/@jupyterlab/translation-extension:plugin", body=spoken)


def test_fresh_engine_keeps_the_progress(page: Page, lab: RunningLab) -> None:
    """Is the engine emptied after asking, not by Escape, and is the progress as it was?"""
    Progress(lab.home / "state").cell_done(LESSON, "kept")
    before = told(lab)["lessons"]
    client = docker.DockerClient(base_url=lab.docker_host)
    client.images.pull("busybox", "latest")
    home = open_home(page, lab, "home-reset")
    button = section(home, "engine").get_by_role("button", name="Reset the engine")
    button.click()
    dialog = home.get_by_role("alertdialog")
    expect(dialog).to_contain_text("cannot be undone")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    assert client.images.list()
    button.click()
    dialog.get_by_role("button", name="Delete and start anew").click()
    expect(section(home, "engine")).to_contain_text("A fresh engine answers.", timeout=LIMIT)
    assert client.images.list() == []
    assert told(lab)["lessons"] == before
    client.close()


def test_progress_goes_out_and_comes_back(page: Page, lab: RunningLab, tmp_path: Path) -> None:
    """Is what was saved to a file there again after it was forgotten, and nonsense refused?"""
    Progress(lab.home / "state").cell_done(LESSON, "saved")
    home = open_home(page, lab, "home-progress")
    part = section(home, "progress")
    with page.expect_download() as saving:
        part.get_by_role("button", name="Save to a file").click()
    saved = tmp_path / "progress.json"
    saving.value.save_as(saved)
    assert "saved" in saved.read_text()
    part.get_by_role("button", name="Forget my progress").click()
    home.get_by_role("alertdialog").get_by_role("button", name="Forget it").click()
    expect(part).to_contain_text("The course begins anew.")
    assert Progress(lab.home / "state").read().cells == {}
    part.locator("input[type=file]").set_input_files(saved)
    expect(part).to_contain_text("was added to yours")
    assert "saved" in Progress(lab.home / "state").read().cells[LESSON]
    nonsense = tmp_path / "nonsense.json"
    nonsense.write_text("{}")
    part.locator("input[type=file]").set_input_files(nonsense)
    expect(part.get_by_role("alert")).to_contain_text("no progress of the lab")


def test_browser_keeps_the_progress_of_a_place_that_ends(
    browser: Browser,
    lab: RunningLab,
    catalog: Path,
    short_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the place says that it is Binder's, does the next session have the progress?"""
    monkeypatch.setenv("BINDER_REPO_URL", "https://example.org/repository")
    monkeypatch.setattr(f"{__name__}.PORT", PORT + 1)
    window = browser.new_page()
    for number in (1, 2):
        session = start_in(short_tmp / f"binder-{number}", catalog)
        kept = Progress(session.home / "state")
        if number == 1:
            kept.cell_done(LESSON, "in-the-browser")
        home = open_home(window, session)
        expect(section(home, "progress")).to_contain_text("your browser keeps a copy")
        until(lambda kept=kept: LESSON in kept.read().cells, 20)
        assert "in-the-browser" in kept.read().cells[LESSON]
        expect(lesson(home, LESSON)).to_have_attribute("data-state", "begun")
        session.process.kill()  # as such places end: without a word
        session.process.communicate()
    window.close()
