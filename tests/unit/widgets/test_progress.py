"""The progress: what is done, what comes again, and the file that it follows."""

from __future__ import annotations

import threading

import pytest

from lab.course.progress import Progress as Kept
from lab.course.review import MINUTE
from lab.widgets import Progress, Quiz, progress
from tests.unit.widgets.asking import LESSON, Clock, answer, state, tell

from ...conftest import until


def fail_two(kept: Kept, clock: Clock) -> None:
    quiz = Quiz(LESSON, record=kept)
    answer(quiz, "list-all", "docker ps")
    answer(quiz, "port-direction", 0)
    clock.now += 11 * MINUTE


def test_review_asks_what_was_wrong(kept: Kept, clock: Clock) -> None:
    """Are questions asked again when they are due, answered in place, and away then?"""
    widget = Progress(record=kept)
    fail_two(kept, clock)
    assert widget.reviewing == []
    widget.look()
    assert len(widget.reviewing) == 2
    answer(widget, "port-direction", 1)
    assert state(widget, "port-direction")["phase"] == "right"
    assert len(widget.reviewing) == 2
    answer(widget, "port-direction", None, kind="next")
    answer(widget, "list-all", None, kind="later")
    assert widget.reviewing == []
    assert [card["box"] for card in widget.view["waiting"]] == [0, 1]


def test_progress_follows_the_file_while_it_is_shown(
    kept: Kept, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does it show what other notebooks do, and end its thread when it is hidden or closed?"""
    monkeypatch.setattr(progress, "LOOK_EVERY", 0.01)
    widget = Progress(record=kept)
    before = threading.active_count()
    tell(widget, kind="shown", view="a")
    tell(widget, kind="shown", view="b")
    assert threading.active_count() == before + 1
    kept.cell_done(LESSON, "run-nginx", ["K01"])
    until(lambda: widget.view["rows"][0] == ["K01"], 10)
    fail_two(kept, clock)
    until(lambda: len(widget.reviewing) == 2, 10, "what is due appears with time alone")
    tell(widget, kind="hidden", view="a")
    assert threading.active_count() == before + 1
    tell(widget, kind="hidden", view="b")
    assert threading.active_count() == before
    tell(widget, kind="shown", view="c")
    widget.close()
    assert threading.active_count() == before


def test_damage_is_told(kept: Kept) -> None:
    """Does the learner read that the file was damaged, and where it is?"""
    kept.folder.mkdir()
    kept.path.write_text("{")
    assert Progress(record=kept).damaged == ["progress.damaged-1.json"]
