"""A learner opens the lab on Binder, where nothing is allowed: no namespace, no mount, no root."""

from __future__ import annotations

import os
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from playwright.sync_api import Page, expect

from lab.sandbox.vm.parts import Parts

from ..conftest import HOME, until
from ..deploy import rules
from ..integration.host import commands, descendants
from .binder import PORT, Place, memory_of, solved
from .jupyterlab import code_cells, errors, open_from_home, open_notebook, run_all, run_cell
from .running import ROOT, RunningLab

pytestmark = pytest.mark.timeout(600)

EXERCISE = "02_first_container"
RUN_LIMIT = 240_000
BINDER_MEMORY = 2 << 30


@pytest.fixture(scope="module")
def place(short_tmp: Path, catalog: Path) -> Place:
    """What the image has, made by `lab setup` under the rules from the parts of the tests' own."""
    if reason := rules.why_not():
        pytest.skip(reason)
    parts = Parts(Path(os.environ.get("LAB_TEST_VM", HOME)) / "vm")
    if wrong := parts.whats_wrong():
        pytest.skip(f"no microVM here: {wrong}")
    made = Place(short_tmp / "binder")
    made.fill(catalog, parts.folder)
    assert "The lab is ready" in made.set_up()
    return made


@pytest.fixture(scope="module")
def lab(place: Place) -> Iterator[RunningLab]:
    """The image's server, with an engine that is ready, and nothing in it but what the Hub offers."""
    running = place.start()
    until(lambda: running.status()["state"] != "starting", 120, "the engine is ready")
    assert running.status()["state"] == "ready", running.status()["message"]
    yield running
    assert running.stop() == 0


def test_engine_is_in_a_virtual_machine(lab: RunningLab) -> None:
    """Did `auto` choose the microVM, and is all of it an ordinary user's, without any right?"""
    pids = descendants(lab.process.pid)
    emulators = [pid for pid, line in commands(pids).items() if "qemu-system" in line]
    assert len(emulators) == 1
    for pid in pids:
        told = Path(f"/proc/{pid}/status").read_text()
        assert f"Uid:\t{rules.UID}\t{rules.UID}" in told
        assert "CapBnd:\t0000000000000000" in told and "NoNewPrivs:\t1" in told


def test_saved_machine_is_resumed(lab: RunningLab, place: Place) -> None:
    """Was the guest that set-up saved resumed, and not started from the beginning?"""
    log = (lab.home / "engine.log").read_text()
    assert "ready" in log and "from the beginning" not in log
    assert (place.prepared / "vm" / "snapshot" / "memory").exists()


def test_lesson_to_its_end(page: Page, lab: RunningLab, screenshots: Path) -> None:
    """Does the printed address lead to the lesson, does it run, and within Binder's memory?"""
    open_from_home(page, lab.url, "02_first_container")
    expect(page.locator(".jp-Notebook h1").first).to_contain_text("Your first container")
    expect(page.get_by_text("official Jupyter news")).to_have_count(0)
    run_all(page, RUN_LIMIT)
    expect(errors(page)).to_have_count(0)
    end = code_cells(page).filter(has_text="docker rm -f web web2").last
    expect(end).to_contain_text("CONTAINER ID")
    page.screenshot(path=screenshots / "binder-lesson.png")
    used = memory_of(descendants(lab.process.pid))
    print(f"memory of server, kernels and virtual machine: {used >> 20} MB")
    assert used < BINDER_MEMORY


def test_link_opens_the_published_port(page: Page, lab: RunningLab) -> None:
    """Does the lesson's link open the page of a container in the virtual machine?"""
    open_notebook(page, lab.address(f"en/{EXERCISE}.ipynb"))
    for source in ("from lab.widgets import", "docker run -d -p 8080:80", "open_port(8080)"):
        run_cell(page, source)
    with page.context.expect_page() as opened:
        page.locator(".lab-port .lab-button").click()
    tab = opened.value
    expect(tab.locator("h1")).to_have_text("Welcome to nginx!")
    assert f":{PORT}/proxy/8080/" in tab.url
    tab.close()
    run_cell(page, "docker rm -f web")


def test_exercise_solved(page: Page, lab: RunningLab, screenshots: Path) -> None:
    """Is the exercise, built, run and pushed in the virtual machine, complete by its own check?"""
    source = ROOT / "exercises/en/source" / EXERCISE / f"{EXERCISE}.ipynb"
    name = f"en/exercises/{EXERCISE}/{EXERCISE}.ipynb"
    solved(source, lab.home / "work" / name)
    open_notebook(page, lab.address(name))
    run_all(page, RUN_LIMIT)
    expect(errors(page)).to_have_count(0)
    expect(code_cells(page).last).to_contain_text("All done.")
    page.screenshot(path=screenshots / "binder-exercise.png")
    client = docker.DockerClient(base_url=lab.docker_host)
    assert any("/site:latest" in tag for image in client.images.list() for tag in image.tags)
    client.close()


def test_only_who_has_the_token_may_ask(lab: RunningLab) -> None:
    """Does the image's command make a token, without which nothing is answered?"""
    with pytest.raises(urllib.error.HTTPError) as refused:
        lab.ask("lab/engine", token="")
    assert refused.value.code == 403
    refused.value.close()
