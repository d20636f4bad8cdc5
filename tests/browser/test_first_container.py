"""A newcomer opens the lab, runs the first lesson, and types commands in a terminal."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
from pathlib import Path

import docker
import pytest
from playwright.sync_api import Locator, Page, expect

from ..conftest import until
from .jupyterlab import (
    code_cells,
    errors,
    open_from_home,
    open_notebook,
    open_terminal,
    run_all,
    run_cell,
    show_tab,
    show_terminal,
    wait_idle,
)
from .running import RunningLab

LESSON = "en/02_first_container.ipynb"
LESSON_KO = "ko/02_first_container.ipynb"

pytestmark = pytest.mark.timeout(150)


def widget(page: Page) -> Locator:
    return page.locator(".lab-layers").first


def draw(page: Page, lab: RunningLab) -> None:
    """Run the lesson's first two cells, a known state and the picture, with both images there."""
    client = docker.DockerClient(base_url=lab.docker_host)
    for name in ("nginx", "debian"):
        client.images.pull(name, "latest")
    client.close()
    run_cell(page, "from lab.widgets import")
    run_cell(page, 'Layers("nginx", "debian")')


def container(page: Page, name: str) -> Locator:
    """The block of a container in the picture."""
    return (
        widget(page)
        .locator(".lab-container")
        .filter(has=page.locator(".lab-block-name").get_by_text(name, exact=True))
    )


def layer(page: Page, number: int) -> Locator:
    return widget(page).locator("button.lab-layer").filter(has_text=f"layer {number}").first


def test_newcomer_runs_the_lesson_to_its_end(
    page: Page, lab: RunningLab, screenshots: Path
) -> None:
    """Does the printed address lead to the lesson, and does the lesson run with no error?"""
    open_from_home(page, lab.url, "02_first_container")
    expect(page.locator(".jp-Notebook h1").first).to_contain_text("Your first container")
    expect(page.get_by_text("official Jupyter news")).to_have_count(0)
    page.screenshot(path=screenshots / "lesson-start.png")
    run_all(page)
    expect(errors(page)).to_have_count(0)
    cleaned = code_cells(page).filter(has_text="docker rm -f web web2").last
    expect(cleaned).to_contain_text("CONTAINER ID")
    expect(container(page, "web")).to_have_count(0)
    expect(layer(page, 1)).to_contain_text("shared by 2 images")
    page.screenshot(path=screenshots / "lesson-end.png")


def test_picture_follows_a_terminal(page: Page, lab: RunningLab, screenshots: Path) -> None:
    """Does the picture show what is typed in a terminal: a container, a file in it, its end?"""
    open_notebook(page, lab.address(LESSON))
    draw(page, lab)
    terminal = open_terminal(page)
    terminal.run("docker run -d -p 8080:80 --name web nginx")
    expect(container(page, "web")).to_contain_text("running")
    terminal.run("docker exec -it web /bin/bash")
    terminal.run("touch /made-in-a-shell; rm /usr/share/nginx/html/50x.html; exit")
    show_tab(page, "02_first_container.ipynb")
    container(page, "web").click()
    changes = widget(page).locator(".lab-detail .lab-changes")
    expect(changes.filter(has_text="/made-in-a-shell")).to_be_visible(timeout=20_000)
    expect(changes.locator("li", has_text="50x.html")).to_contain_text("D")
    expect(widget(page).locator(".lab-detail")).to_contain_text("docker diff web")
    widget(page).screenshot(path=screenshots / "layers-container.png")
    show_terminal(page)
    terminal.run("docker rm -f web")
    expect(container(page, "web")).to_have_count(0)


def test_link_opens_the_published_port(page: Page, lab: RunningLab, screenshots: Path) -> None:
    """Does the lesson's link open the container's page in a new tab, through the lab?"""
    open_notebook(page, lab.address(LESSON))
    for source in ("docker rm -f web", "docker run -d -p 8080:80", "open_port(8080)"):
        run_cell(page, source)
    with page.context.expect_page() as opened:
        page.locator(".lab-port .lab-button").click()
    tab = opened.value
    expect(tab.locator("h1")).to_have_text("Welcome to nginx!")
    assert "/proxy/8080/" in tab.url
    tab.screenshot(path=screenshots / "page-from-container.png")
    run_cell(page, "docker rm -f web")


def test_layers_are_explored_with_the_keyboard(
    page: Page, lab: RunningLab, screenshots: Path
) -> None:
    """Can a layer be chosen by keys alone, and does it tell its files, sharers and command?"""
    open_notebook(page, lab.address(LESSON))
    draw(page, lab)
    expect(layer(page, 4)).to_be_visible(timeout=20_000)
    layer(page, 4).focus()
    for number in (3, 2):
        page.keyboard.press("ArrowDown")
        expect(layer(page, number)).to_be_focused()
    page.keyboard.press("Enter")
    expect(layer(page, 2)).to_have_attribute("aria-expanded", "true")
    detail = widget(page).locator(".lab-detail")
    expect(detail).to_contain_text("docker history nginx")
    expect(detail.locator(".lab-changes")).to_contain_text("/etc/nginx")
    expect(detail.locator(".lab-tree li", has_text="/etc/passwd").first).to_contain_text("C")
    widget(page).screenshot(path=screenshots / "layers-files.png")
    page.keyboard.press("Escape")
    expect(layer(page, 2)).to_have_attribute("aria-expanded", "false")


def test_dark_theme_and_korean(page: Page, lab: RunningLab, screenshots: Path) -> None:
    """Do the widgets of a Korean lesson speak Korean, and take the colours of a dark JupyterLab?"""
    choose_theme(lab, "JupyterLab Dark")
    try:
        open_notebook(page, lab.address(LESSON_KO))
        draw(page, lab)
        expect(widget(page)).to_contain_text("읽기 전용")
        expect(widget(page)).to_contain_text("공유")
        colour = widget(page).evaluate("(element) => getComputedStyle(element).backgroundColor")
        assert max(map(int, colour[colour.index("(") + 1 : -1].split(",")[:3])) < 90
        widget(page).locator("button.lab-shared").click()
        expect(widget(page).locator(".lab-changes")).to_be_visible(timeout=20_000)
        widget(page).screenshot(path=screenshots / "layers-dark-ko.png")
    finally:
        choose_theme(lab, "JupyterLab Light")


def test_narrow_window(page: Page, lab: RunningLab, screenshots: Path) -> None:
    """Is the picture usable in a narrow window: nothing of the page's body scrolls sideways?"""
    page.set_viewport_size({"width": 640, "height": 1000})
    open_notebook(page, lab.address(LESSON))
    draw(page, lab)
    layer(page, 1).click()
    detail = widget(page).locator(".lab-detail")
    expect(detail).to_be_visible()
    below = widget(page).locator(".lab-stage").bounding_box()
    box = detail.bounding_box()
    assert below is not None and box is not None
    assert box["y"] >= below["y"] + below["height"] - 1
    widget(page).screenshot(path=screenshots / "layers-narrow.png")


def test_engine_restarts_under_the_picture(page: Page, lab: RunningLab) -> None:
    """When the engine is killed, does the lab start it again, and does the picture go on?"""
    open_notebook(page, lab.address(LESSON))
    draw(page, lab)
    expect(widget(page).locator(".lab-live")).to_contain_text("live")
    killed = lab.engine_pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until(lambda: lab.engine_pid() not in (None, killed))
    until(lambda: lab.status()["state"] == "ready")
    expect(widget(page).locator(".lab-live")).to_have_attribute(
        "data-state", "live", timeout=20_000
    )
    ran = run_cell(page, "docker run -d -p 8080:80")
    expect(ran).not_to_contain_text("Error")
    expect(container(page, "web")).to_contain_text("running")
    run_cell(page, "from lab.widgets import")
    expect(container(page, "web")).to_have_count(0)
    wait_idle(page)


def test_only_who_has_the_token_may_ask(lab: RunningLab) -> None:
    """Is the engine's status, like everything of the server, refused without the token?"""
    with pytest.raises(urllib.error.HTTPError) as refused:
        lab.ask("lab/engine", token="")
    assert refused.value.code == 403
    refused.value.close()


def choose_theme(lab: RunningLab, theme: str) -> None:
    """Set JupyterLab's theme through its own settings."""
    settings = {"raw": json.dumps({"theme": theme})}
    lab.ask("lab/api/settings/@jupyterlab/apputils-extension:themes", body=settings)
