"""A learner takes a lesson: runs it, predicts, types a command beside its pictures, answers its quiz."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import docker
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, Page, expect

from lab import widgets
from lab.course.lesson import LESSONS, Question
from lab.course.loader import load
from lab.course.progress import Progress

from .jupyterlab import (
    errors,
    open_notebook,
    open_terminal,
    run_all,
    run_cell,
    show_tab,
    show_terminal,
)
from .running import ROOT, RunningLab

ALWAYS = (("en", "09_volumes"), ("ko", "03_architecture"))
"""What `make test` takes; `make test-all` takes every lesson in both languages."""

RUN_LIMIT = 150_000
"""Milliseconds that all cells of a lesson may take on a busy machine."""

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Deed:
    """A command, the picture of a lesson that shows what it did, what to find in it, and the undoing."""

    picture: str
    command: str
    shows: str
    undo: str


def _run(picture: str, name: str, shows: str) -> Deed:
    command = f"docker run -d --name {name} nginx"
    return Deed(picture, command, shows, f"docker rm -f {name}")


_MAKERS = [name for name in widgets.__all__ if isinstance(getattr(widgets, name), type)]
_SHOWS_WIDGET = re.compile(rf"^(\w+ = )?({'|'.join(_MAKERS)}|open_port)\(", re.MULTILINE)

_TOKEN = ".lab-lc-running .lab-lc-token:has-text('{}')"

DEEDS = {
    "02_first_container": _run("layers", "by-hand", ".lab-container:has-text('by-hand')"),
    "03_architecture": _run("glass", "by-hand", ".lab-ge-said:has-text('docker run')"),
    "04_images_and_layers": _run("layers", "by-hand", ".lab-container:has-text('by-hand')"),
    "05_dockerfile_and_build": Deed(
        "build-cache",
        "echo FROM busybox | docker build -q -t by-hand -",
        ":text('by-hand')",
        "docker rmi -f by-hand",
    ),
    "06_namespaces_and_cgroups": _run("namespaces", "two", "tr:has-text('two') .lab-ns-letter"),
    "07_managing_containers": _run("lifecycle", "shop", _TOKEN.format("shop")),
    "08_networks": Deed(
        "networks",
        "docker network create by-hand",
        ":text('by-hand')",
        "docker network rm by-hand",
    ),
    "09_volumes": Deed(
        "volumes", "docker volume create by-hand", ":text('by-hand')", "docker volume rm by-hand"
    ),
    "10_registries": Deed(
        "registry",
        "echo hello-to-the-lab | docker login -u learner --password-stdin"
        " && docker pull -q busybox && docker tag busybox learner/by-hand"
        " && docker push -q learner/by-hand; docker logout",
        ":text('learner/by-hand')",
        "docker rmi -f learner/by-hand",
    ),
    "11_the_whole_loop": _run("lifecycle", "shop", _TOKEN.format("shop")),
    "12_trouble": _run("lifecycle", "web", _TOKEN.format("web")),
}
"""Lessons 00 and 01 have no picture of the engine."""


def journeys() -> Iterator[object]:
    for lesson in LESSONS:
        for language in ("en", "ko"):
            marks = () if (language, lesson) in ALWAYS else (pytest.mark.long,)
            yield pytest.param(language, lesson, marks=marks, id=f"{lesson}-{language}")


@pytest.mark.parametrize(("language", "lesson"), list(journeys()))
def test_learner_takes_a_lesson(page: Page, lab: RunningLab, language: str, lesson: str) -> None:
    """Does a lesson run with no error, do its widgets live, answer a terminal, and judge?"""
    Progress(lab.home / "state").reset()
    open_notebook(page, lab.address(f"{language}/{lesson}.ipynb"))
    run_all(page, RUN_LIMIT)
    expect(errors(page)).to_have_count(0)
    look_at_widgets(page, lesson)
    predict(page, language, lesson)
    answer_quiz(page, language, lesson)
    if lesson in DEEDS:
        do(page, f"{lesson}.ipynb", DEEDS[lesson], lab)


def test_error_of_a_cell_is_seen(page: Page, lab: RunningLab) -> None:
    """Would an error in a lesson be found, and is what a command complains of none?"""
    cells = [new_code_cell("!ls /not-there"), new_code_cell("1 / 0"), new_code_cell("1 +")]
    content = new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )
    lab.ask("api/contents/errors.ipynb", body={"type": "notebook", "content": content})
    open_notebook(page, lab.address("errors.ipynb"))
    for number, source in enumerate(("not-there", "1 / 0", "1 +")):
        run_cell(page, source)
        expect(errors(page)).to_have_count(number)


def look_at_widgets(page: Page, lesson: str) -> None:
    """See that each widget is drawn, within its width, with a kernel and an engine that live."""
    shown = page.locator(".jp-OutputArea-output .lab-root")
    expect(shown).to_have_count(widgets_in(lesson))
    expect(page.locator(".lab-stale:visible")).to_have_count(0)
    for number in range(shown.count()):
        widget = shown.nth(number)
        widget.scroll_into_view_if_needed()
        expect(widget).to_be_visible()
        assert widget.evaluate("each => each.scrollWidth - each.clientWidth") <= 1, number
    for state in page.locator(".lab-live").all():
        expect(state).to_have_attribute("data-state", "live")


def widgets_in(lesson: str) -> int:
    """Return how many cells of a lesson, which has the same code in both languages, show a widget."""
    notebook = nbformat.read(ROOT / "notebooks" / "en" / f"{lesson}.ipynb", as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return sum(_SHOWS_WIDGET.search(source) is not None for source in code)


def predict(page: Page, language: str, lesson: str) -> None:
    """Choose: what is right for the first prediction, for the others what is wrong."""
    for number, (key, question) in enumerate(load(lesson).predictions.items()):
        block = page.locator(f".lab-predict .lab-question[data-id='{lesson}/prediction/{key}']")
        right = number == 0
        option(block, question, language, right).click()
        expect(block.locator(f"strong.lab-verdict-{'right' if right else 'wrong'}")).to_be_visible()
        expect(block.locator(".lab-option.lab-right")).to_have_count(1)


def answer_quiz(page: Page, language: str, lesson: str) -> None:
    """Answer the first question that has one right option."""
    quiz = load(lesson).quiz
    key = next(key for key, question in quiz.items() if question.kind == "choice")
    block = page.locator(f".lab-quiz .lab-question[data-id='{lesson}/quiz/{key}']")
    option(block, quiz[key], language, True).click()
    expect(block.locator("strong.lab-verdict-right")).to_be_visible()
    expect(page.locator(".lab-quiz .lab-score")).to_contain_text("1")


def option(block: Locator, question: Question, language: str, right: bool) -> Locator:
    """Return the first option of a question that is right, or wrong."""
    text = next(each.text for each in question.options if each.right == right)
    words = getattr(text, language).replace("`", "")
    return block.locator(".lab-option-text", has_text=words).first


def do(page: Page, tab: str, deed: Deed, lab: RunningLab) -> None:
    """Type the command in a terminal, and look for what it did in the picture."""
    client = docker.DockerClient(base_url=lab.docker_host)
    client.images.pull("nginx", "latest")
    client.close()
    shown = page.locator(f".lab-{deed.picture}").first.locator(deed.shows)
    before = shown.count()
    terminal = open_terminal(page)
    terminal.run(deed.command)
    show_tab(page, tab)
    expect(shown.nth(before)).to_be_attached()
    show_terminal(page)
    terminal.run(deed.undo)
    terminal.type("exit")
    expect(page.locator(".jp-Terminal")).to_have_count(0)
