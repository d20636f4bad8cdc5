"""A learner predicts, answers a quiz with the keyboard, and finds the progress again later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from lab.course.progress import Progress

from .jupyterlab import LIMIT, menu, open_notebook, run_cell, wait_idle
from .running import RunningLab, check_out, start_lab
from .test_first_container import choose_theme

LESSON = "en/02_first_container.ipynb"
NAME = "02_first_container"
TALL = {"width": 1500, "height": 2300}
"""A window that shows a whole quiz."""

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def record(lab: RunningLab) -> Iterator[Progress]:
    """The learner's progress, empty at the beginning and at the end."""
    found = Progress(lab.home / "state")
    found.reset()
    yield found
    found.reset()


def question(page: Page, key: str) -> Locator:
    return page.locator(f".lab-question[data-id='{NAME}/quiz/{key}']")


def option(block: Locator, text: str) -> Locator:
    return block.locator(".lab-option", has_text=text)


def write_notebook(lab: RunningLab, name: str, *cells: str) -> str:
    """Put a notebook into the learner's folder; return its path there."""
    metadata = nbformat.read(lab.home / "work" / LESSON, as_version=4).metadata
    code = [nbformat.v4.new_code_cell(each) for each in cells]
    made = nbformat.v4.new_notebook(cells=code, metadata=metadata)
    nbformat.write(made, lab.home / "work" / name)
    return name


def test_prediction_is_judged_by_the_next_cell(
    page: Page, lab: RunningLab, record: Progress, screenshots: Path
) -> None:
    """Is a choice only noted at first, and told with the reason when the command was run?"""
    open_notebook(page, lab.address(LESSON))
    run_cell(page, "from lab.widgets import")
    run_cell(page, "docker run -d -p 8080:80")
    run_cell(page, "where-it-writes")
    block = page.locator(".lab-predict")
    expect(block).to_contain_text("run the next cell; it shows who is right")
    option(block, "Nowhere").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(option(block, "Into the image")).to_have_attribute("aria-pressed", "true")
    expect(block).to_contain_text("Noted. Now run the next cell.")
    expect(block).not_to_contain_text("right answer")
    block.screenshot(path=screenshots / "predict-chosen.png")
    assert [each.outcome for each in record.read().answers] == ["chosen"]
    run_cell(page, "hello from a container")
    expect(block).to_contain_text("It turned out differently.")
    expect(option(block, "Into a layer")).to_contain_text("right answer")
    expect(option(block, "Into the image")).to_contain_text("your choice")
    expect(block.locator("[aria-live]").first).to_contain_text("thin writable layer")
    block.screenshot(path=screenshots / "predict-told.png")
    assert [each.outcome for each in record.read().answers] == ["chosen", "wrong"]
    run_cell(page, "from lab.widgets import")


def test_choice_survives_shift_enter_in_its_own_cell(
    page: Page, lab: RunningLab, record: Progress
) -> None:
    """A choice by mouse, then Shift+Enter twice, as one does: is it judged all the same?"""
    path = write_notebook(
        lab, "twice.ipynb", "from lab.widgets import Predict", f'Predict("{NAME}.same-port")', "1+1"
    )
    open_notebook(page, lab.address(path))
    run_cell(page, "import Predict")
    run_cell(page, "same-port")
    option(page.locator(".lab-predict"), "cannot start").click()
    expect(page.locator(".lab-predict")).to_contain_text("Noted")
    page.keyboard.press("Shift+Enter")
    wait_idle(page)
    expect(page.locator(".lab-predict")).to_contain_text("Noted")
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".lab-predict")).to_contain_text("✓ Right.")
    assert record.read().answers[-1].outcome == "right"


def answer_by_keys(page: Page) -> None:
    """Answer the quiz of lesson 02, the second question wrong at first; no mouse."""
    press = page.keyboard.press
    option(question(page, "what-is-it"), "a small computer").focus()
    press("ArrowDown")
    press("ArrowDown")
    press("Enter")
    expect(question(page, "what-is-it")).to_contain_text("✓ Right.")
    ports = question(page, "port-direction")
    option(ports, "localhost:80").first.focus()
    press("Enter")
    expect(ports.locator("[aria-live]").first).to_contain_text("Hint: First the host's side")
    expect(option(ports, "localhost:80").first).to_be_focused()
    press("ArrowDown")
    press("Enter")
    expect(ports).to_contain_text("✓ Right.")
    question(page, "list-all").locator("input").focus()
    page.keyboard.type("docker ps -a")
    press("Enter")
    expect(question(page, "list-all")).to_contain_text("✓ Right.")
    several = question(page, "what-stays")
    for text in ("the id", "the files", "the published port"):
        option(several, text).focus()
        press("Space")
        expect(option(several, text)).to_have_attribute("aria-checked", "true")
        expect(option(several, text)).to_be_focused()
    press("Tab")
    press("Tab")
    press("Enter")
    expect(several).to_contain_text("✓ Right.")
    option(question(page, "name-in-use"), "Look with").focus()
    press("Enter")
    expect(question(page, "name-in-use")).to_contain_text("✓ Right.")


def order_by_keys(page: Page) -> None:
    """Put the steps of a container's life in order, each by the arrow keys to its place."""
    block = question(page, "life-of-web")
    steps = block.locator("ol > li")
    for place, text in enumerate(("docker run", "docker exec", "docker stop", "docker rm")):
        step = steps.filter(has_text=text)
        step.focus()
        for _ in range(4):
            if steps.nth(place).text_content() == step.text_content():
                break
            before = steps.all_text_contents().index(step.text_content() or "")
            page.keyboard.press("ArrowUp")
            expect(steps.nth(before - 1)).to_contain_text(text)
            expect(step).to_be_focused()
            expect(block.locator("[aria-live]").last).to_contain_text(f"now step {before} of 4")
    block.get_by_role("button", name="Check").focus()
    page.keyboard.press("Enter")
    expect(block).to_contain_text("✓ Right.")


def test_quiz_by_keyboard_and_after_a_restart_of_the_kernel(
    page: Page, lab: RunningLab, record: Progress, screenshots: Path
) -> None:
    """Can all kinds of questions be answered by keys, and is the quiz done in a new kernel too?"""
    open_notebook(page, lab.address(LESSON))
    run_cell(page, "from lab.widgets import")
    run_cell(page, f'Quiz("{NAME}")')
    answer_by_keys(page)
    quiz = page.locator(".lab-quiz")
    expect(quiz.locator(".lab-score")).to_have_text("5 of 6 right")
    order_by_keys(page)
    page.set_viewport_size(TALL)
    quiz.screenshot(path=screenshots / "quiz.png")
    expect(quiz.locator(".lab-score")).to_contain_text("All 6 right. This lesson is done.")
    menu(page, "Kernel", "Restart Kernel…")
    page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    expect(quiz.locator(".lab-stale")).to_be_visible(timeout=LIMIT)
    wait_idle(page)
    run_cell(page, "from lab.widgets import")
    run_cell(page, f'Quiz("{NAME}")')
    expect(quiz.locator(".lab-score")).to_contain_text("All 6 right. This lesson is done.")
    question(page, "list-all").get_by_role("button", name="Once more").click()
    expect(question(page, "list-all").locator("input")).to_be_focused()


def answer_wrong(record: Progress) -> None:
    """Be a learner who, some time ago, did a part of the lesson and got two questions wrong."""
    past = Progress(record.folder, clock=lambda: record.clock() - 3600)
    past.cell_done(NAME, "run-nginx", ["K01", "C26"])
    past.answered(NAME, "quiz", "what-is-it", "right", 2)
    past.answered(NAME, "quiz", "list-all", "wrong", "docker ps")
    past.answered(NAME, "prediction", "same-port", "wrong", 0)


def test_progress_is_live_and_reviews(
    page: Page, lab: RunningLab, record: Progress, screenshots: Path
) -> None:
    """Does the path follow what happens elsewhere, and are wrong answers asked again in place?"""
    answer_wrong(record)
    path = write_notebook(lab, "progress.ipynb", "from lab.widgets import Progress\nProgress()")
    open_notebook(page, lab.address(path))
    run_cell(page, "Progress()")
    widget = page.locator(".lab-progress")
    lesson = widget.locator(".lab-lesson", has_text="02 · ")
    expect(lesson).to_contain_text("begun")
    expect(lesson).to_have_attribute("aria-current", "step")
    expect(lesson).to_contain_text("quiz 1 of 6")
    expect(widget).to_contain_text("2 of 43 concepts and commands met")
    record.cell_done(NAME, "logs", ["K11"])
    expect(widget).to_contain_text("3 of 43 concepts and commands met")
    widget.screenshot(path=screenshots / "progress.png")
    again = question(page, "list-all")
    again.locator("input").fill("docker ps --all")
    again.get_by_role("button", name="Check").click()
    expect(again).to_contain_text("✓ Right.")
    expect(lesson).to_contain_text("quiz 2 of 6")
    again.get_by_role("button", name="Next").click()
    expect(again).to_have_count(0)
    expect(widget).to_contain_text("1 more later, the next one tomorrow.")
    page.set_viewport_size({"width": 640, "height": 1000})
    assert widget.evaluate("(each) => each.scrollWidth <= each.clientWidth")
    widget.screenshot(path=screenshots / "progress-narrow.png")


def test_dark_and_korean(page: Page, lab: RunningLab, record: Progress, screenshots: Path) -> None:
    """Do the widgets speak Korean in a Korean folder, and take a dark JupyterLab's colours?"""
    answer_wrong(record)
    path = write_notebook(
        lab,
        "ko/three.ipynb",
        f'from lab.widgets import Predict, Progress, Quiz\nQuiz("{NAME}")',
        "Progress()",
        f'Predict("{NAME}.same-port")',
    )
    page.set_viewport_size(TALL)
    choose_theme(lab, "JupyterLab Dark")
    try:
        open_notebook(page, lab.address(path))
        for source in ("Quiz(", "Progress()", "Predict("):
            run_cell(page, source)
        for name, word in (("quiz", "퀴즈"), ("progress", "나의 진도"), ("predict", "예측")):
            widget = page.locator(f".lab-{name}")
            expect(widget).to_contain_text(word)
            colour = widget.evaluate("(each) => getComputedStyle(each).backgroundColor")
            assert max(map(int, colour[colour.index("(") + 1 : -1].split(",")[:3])) < 90
        option(page.locator(".lab-predict"), "시작되지 못합니다").click()
        expect(page.locator(".lab-predict")).to_contain_text("기록했습니다")
        for name in ("quiz", "progress", "predict"):
            page.locator(f".lab-{name}").screenshot(path=screenshots / f"{name}-dark-ko.png")
    finally:
        choose_theme(lab, "JupyterLab Light")


def test_progress_survives_a_restart_of_the_server(
    page: Page, catalog: Path, short_tmp: Path
) -> None:
    """Is what was answered still there when the lab was stopped and started again?"""
    home, checkout = short_tmp / "again", check_out(short_tmp / "checkout-again")
    home.mkdir()
    (home / "catalog").symlink_to(catalog)
    cell = f'from lab.widgets import Predict, Progress, Quiz\nQuiz("{NAME}")'
    for right in (1, 2):
        running = start_lab(checkout, home, 8991)
        try:
            path = write_notebook(running, f"{right}.ipynb", cell, "Progress()")
            open_notebook(page, running.address(path))
            run_cell(page, "Quiz(")
            key, text = (("what-is-it", "an image that runs"), ("port-direction", "8081"))[
                right - 1
            ]
            option(question(page, key), text).click()
            expect(page.locator(".lab-score").first).to_have_text(f"{right} of 6 right")
            run_cell(page, "Progress()")
            lesson = page.locator(".lab-lesson", has_text="02 · ")
            expect(lesson).to_contain_text(f"quiz {right} of 6")
        finally:
            page.goto("about:blank")
            assert running.stop() == 0
