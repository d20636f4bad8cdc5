"""The prediction: chosen, kept, and told after the next cell."""

from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from lab.course.progress import Progress as Kept
from lab.widgets import Predict
from tests.unit.widgets.asking import KEY, LESSON, RIGHT, WRONG, outcomes, state, tell


def run(shell: InteractiveShell, code: str, **names: Any) -> Any:
    shell.push(names)
    result = shell.run_cell(code, store_history=True)
    result.raise_error()
    return result.result


def predict(shell: InteractiveShell, kept: Kept) -> Any:
    """Run the cell with the prediction."""
    return run(shell, f"Predict({KEY!r}, record=kept)", Predict=Predict, kept=kept)


def choose(widget: Any, option: int) -> None:
    tell(widget, kind="answer", id=f"{LESSON}/prediction/same-port", answer=option)


def test_prediction_is_told_after_the_next_cell(shell: InteractiveShell, kept: Kept) -> None:
    """Is the choice kept, nothing told before the next cell, and then who was right and why?"""
    widget = predict(shell, kept)
    choose(widget, WRONG)
    choose(widget, RIGHT)
    assert (widget.chosen, state(widget)["solution"]) == (RIGHT, None)
    assert outcomes(kept) == [("chosen", WRONG), ("chosen", RIGHT)]
    run(shell, "1")
    assert state(widget)["phase"] == "right"
    assert "two steps" in state(widget)["solution"]["because"]["en"]
    assert outcomes(kept)[-1] == ("right", RIGHT)
    run(shell, "2")
    assert len(outcomes(kept)) == 3


def test_wrong_prediction_is_told_with_the_right_one(shell: InteractiveShell, kept: Kept) -> None:
    """Is the right option shown beside a wrong choice, and is it noted for the review?"""
    widget = predict(shell, kept)
    choose(widget, WRONG)
    run(shell, "1")
    assert state(widget)["phase"] == "wrong"
    assert state(widget)["solution"]["right"] == [RIGHT]
    choose(widget, RIGHT)
    assert outcomes(kept) == [("chosen", WRONG), ("wrong", WRONG)]


def test_unattended_nothing_is_told_or_kept(shell: InteractiveShell, kept: Kept) -> None:
    """Run all at once: does it only render, and may one still choose afterwards?"""
    widget = predict(shell, kept)
    run(shell, "1")
    assert widget.ran
    assert state(widget)["solution"] is None
    assert outcomes(kept) == []
    choose(widget, RIGHT)
    assert state(widget)["phase"] == "right"


def test_answer_is_told_to_who_asks(shell: InteractiveShell, kept: Kept) -> None:
    """Can one see the answer without a choice, and is that no answer of the learner's?"""
    widget = predict(shell, kept)
    tell(widget, kind="tell", id="")
    assert state(widget)["solution"]["right"] == [RIGHT]
    run(shell, "1")
    assert state(widget)["phase"] == "told"
    assert outcomes(kept) == []


def test_choice_stands_when_its_cell_is_run_again(shell: InteractiveShell, kept: Kept) -> None:
    """A choice, then Shift+Enter in the same cell: does the choice wait in the new widget?"""
    first = predict(shell, kept)
    choose(first, RIGHT)
    second = predict(shell, kept)
    assert state(first)["phase"] == "open"
    assert (second.chosen, second.ran) == (RIGHT, False)
    run(shell, "1")
    assert state(second)["phase"] == "right"
    assert state(first)["phase"] == "open"
    third = predict(shell, kept)
    assert (third.chosen, third.last_time) == (None, RIGHT)


def test_silent_cells_are_no_cells(shell: InteractiveShell, kept: Kept) -> None:
    """Does what the lab itself runs in the kernel tell nothing?"""
    widget = predict(shell, kept)
    choose(widget, RIGHT)
    shell.run_cell("1", store_history=False, silent=True)
    assert not widget.ran


def test_closed_prediction_hears_nothing(shell: InteractiveShell, kept: Kept) -> None:
    """Is nothing left in the kernel when the widget is taken away, or has been told?"""
    before = list(shell.events.callbacks["post_run_cell"])
    widget = predict(shell, kept)
    widget.close()
    again = predict(shell, kept)
    choose(again, RIGHT)
    run(shell, "1")
    assert shell.events.callbacks["post_run_cell"] == before
    assert Predict._waiting == {}


def test_prediction_can_be_made_once_more(shell: InteractiveShell, kept: Kept) -> None:
    """After the answer, can one predict again, with the next cell as the judge?"""
    widget = predict(shell, kept)
    choose(widget, WRONG)
    run(shell, "1")
    tell(widget, kind="again", id="")
    assert (widget.chosen, widget.last_time, state(widget)["phase"]) == (None, WRONG, "open")
    choose(widget, RIGHT)
    run(shell, "2")
    assert state(widget)["phase"] == "right"


def test_outside_of_a_notebook_it_only_asks(kept: Kept) -> None:
    """Does it work in a script, where no cell is ever run?"""
    widget = Predict(KEY, record=kept)
    choose(widget, RIGHT)
    assert widget.chosen == RIGHT
    widget.close()
