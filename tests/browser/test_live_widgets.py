"""Pictures that follow a terminal: namespaces, control groups, lives, and what commands become."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Locator, Page, expect

from .jupyterlab import menu, open_notebook, open_terminal, run_cell, show_tab
from .running import RunningLab
from .terminal import Terminal

pytestmark = pytest.mark.timeout(150)

PICTURES = {
    "namespaces": 'Namespaces("one", "two")',
    "cgroups": 'Cgroups("one", "busy")',
    "lifecycle": 'Lifecycle("one", "two")',
    "glass": "GlassEngine()",
}

TABS = ".lm-DockPanel-tabBar .lm-TabBar-tabLabel"


class Desk:
    """A notebook with the pictures, and a terminal beside it."""

    def __init__(self, page: Page, terminal: Terminal, screenshots: Path) -> None:
        self.page = page
        self.terminal = terminal
        # numbers go on where other tests have had terminals
        self.terminal_name = page.locator(TABS, has_text="Terminal ").last.inner_text()
        self.screenshots = screenshots

    def run(self, command: str) -> str:
        """Type a command in the terminal, then look at the pictures."""
        show_tab(self.page, self.terminal_name)
        said = self.terminal.run(command)
        show_tab(self.page, "pictures.ipynb")
        return said

    def picture(self, name: str) -> Locator:
        return self.page.locator(f".lab-{name}").first

    def shoot(self, name: str, suffix: str) -> None:
        self.picture(name).screenshot(path=self.screenshots / f"{name}-{suffix}.png")


def write_notebook(lab: RunningLab) -> None:
    cells = [new_code_cell("from lab.widgets import *")]
    cells += [new_code_cell(source) for source in PICTURES.values()]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    lab.ask("api/contents/pictures.ipynb", body={"type": "notebook", "content": content})


@pytest.fixture(scope="module")
def desk(browser: Browser, lab: RunningLab, screenshots: Path) -> Iterator[Desk]:
    write_notebook(lab)
    page = browser.new_page(viewport={"width": 1400, "height": 1500})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    open_notebook(page, lab.address("pictures.ipynb"))
    for source in ("import *", *PICTURES.values()):
        run_cell(page, source)
    terminal = open_terminal(page)
    terminal.run("docker pull -q nginx; docker pull -q busybox")
    made = Desk(page, terminal, screenshots)
    yield made
    page.close()
    client = docker.DockerClient(base_url=lab.docker_host)
    for container in client.containers.list(all=True):
        container.remove(force=True)
    client.close()
    assert errors == []


def test_glass_engine_shows_what_was_typed(desk: Desk) -> None:
    """Does `docker run` light its way, with its calls, and a system call say what it is for?"""
    glass = desk.picture("glass")
    desk.run("docker run -d --name one --memory 64m nginx")
    expect(glass.locator(".lab-ge-said")).to_contain_text("docker run")
    for part in ("client", "images", "containers", "kernel"):
        expect(glass.locator(f"[data-way={part}].lab-ge-lit")).to_have_count(1)
    expect(glass.locator("[data-way=registry].lab-ge-lit")).to_have_count(0)
    expect(glass.locator(".lab-ge-call", has_text="/start")).to_contain_text("answer 204")
    row = glass.locator(".lab-ge-row", has_text="pivot_root")
    row.click()
    expect(glass.locator(".lab-ge-row-detail")).to_contain_text("is the image")
    desk.shoot("glass", "light")
    desk.page.keyboard.press("Escape")
    expect(glass.locator(".lab-ge-row-detail")).to_have_count(0)
    desk.run("docker pull -q busybox")
    expect(glass.locator("[data-way=registry].lab-ge-lit")).to_have_count(1)
    glass.get_by_role("button", name="Pause").click()
    expect(glass).to_contain_text("the engine records nothing now")
    desk.run("docker images")
    glass.get_by_role("button", name="Go on").click()
    expect(glass.get_by_role("button", name="Pause")).to_be_visible()
    desk.run("docker ps -a")
    expect(glass.locator(".lab-ge-commands")).to_contain_text("docker ps -a")
    expect(glass.locator(".lab-ge-commands")).not_to_contain_text("docker images")


def test_namespaces_follow_a_join(desk: Desk) -> None:
    """Is a joined namespace shown with one letter, and a process with its three numbers?"""
    picture = desk.picture("namespaces")
    desk.run("docker run -d --name two --network container:one busybox sleep 600")
    cell = "[data-kind=space][data-key^='net/']"
    rows = [picture.locator("tr", has_text=name) for name in ("one", "two")]
    letters = [row.locator(f"{cell} .lab-ns-letter").inner_text() for row in rows]
    assert letters[0] == letters[1]
    about = rows[0].locator(cell).get_attribute("aria-label") or ""
    assert about.startswith("one: net namespace ")
    assert about.endswith("shared by one, two")
    rows[0].locator(".lab-ns-place").focus()
    desk.page.keyboard.press("Enter")
    detail = picture.locator(".lab-detail")
    expect(detail).to_contain_text("nginx: master process")
    expect(detail.locator(".lab-ns-differs").first).to_contain_text("≠")
    expect(detail).to_contain_text("docker top one")
    desk.shoot("namespaces", "light")
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("Enter")
    expect(detail).to_contain_text("pid namespace")
    desk.page.keyboard.press("Escape")
    expect(detail).to_be_hidden()


def test_cgroups_show_limits_and_throttling(desk: Desk) -> None:
    """Is a busy container's CPU shown at its limit, and that it has to wait?"""
    if "true" not in desk.run("docker info -f '{{.MemoryLimit}}'").splitlines():
        pytest.skip("the host hands out no control groups")
    picture = desk.picture("cgroups")
    desk.run("docker run -d --name busy --cpus 0.2 busybox sh -c 'while :; do :; done'")
    card = picture.locator(".lab-cg-card", has_text="busy")
    expect(card).to_contain_text("of 20 %")
    expect(card).to_contain_text("throttled")
    expect(picture.locator(".lab-cg-card", has_text="one")).to_contain_text("of 64MiB")
    meter = picture.locator(".lab-cg-card", has_text="one").get_by_role("meter", name="memory")
    expect(meter).to_have_attribute("aria-valuemax", "67108864")
    desk.shoot("cgroups", "light")
    desk.run("docker rm -f busy")
    expect(picture).to_contain_text("busy: not here")


def test_lifecycle_follows_each_command(desk: Desk) -> None:
    """Does each command move its container, light its arrow and say its name?"""
    picture = desk.picture("lifecycle")
    log = picture.locator(".lab-lc-log li")
    for command, state, edge in (
        ("pause", "paused", "running-paused"),
        ("unpause", "running", "paused-running"),
        ("stop -t 0", "exited", "running-exited"),
        ("start", "running", "exited-running"),
    ):
        desk.run(f"docker {command} two")
        expect(picture.locator(f".lab-lc-{state} .lab-lc-token", has_text="two")).to_be_visible()
        expect(picture.locator(".lab-lc-taken")).to_have_attribute("data-edge", edge)
        expect(log.first).to_contain_text(f"docker {command.split()[0]} two")
    picture.locator(".lab-lc-token", has_text="two").click()
    expect(picture.locator(".lab-detail")).to_contain_text("docker restart two")
    desk.shoot("lifecycle", "light")
    desk.run("docker rm -f two")
    expect(picture.locator(".lab-lc-removed .lab-lc-token", has_text="two")).to_be_visible()
    expect(log.first).to_contain_text("docker rm -f two")


def test_dark_and_narrow(desk: Desk) -> None:
    """Are all pictures legible in the dark theme, and whole in a narrow window?"""
    menu(desk.page, "Settings", "Theme", "JupyterLab Dark")
    expect(desk.page.locator("body[data-jp-theme-light=false]")).to_have_count(1)
    for name in PICTURES:
        desk.shoot(name, "dark")
    desk.page.set_viewport_size({"width": 620, "height": 1500})
    for name in PICTURES:
        picture = desk.picture(name)
        picture.scroll_into_view_if_needed()
        expect(picture.locator(".lab-title")).to_be_visible()
        wide = picture.evaluate("each => each.scrollWidth - each.clientWidth")
        assert wide <= 1, name
        desk.shoot(name, "narrow")
