"""From a record to the path: states of lessons, what is next, what comes again."""

from __future__ import annotations

from lab.course import loader
from lab.course.lesson import ROWS
from lab.course.outline import outline
from lab.course.overview import Json, overview
from lab.course.record import Answer, Record
from lab.course.review import DAY, MINUTE

LESSON = "02_first_container"


def lesson(view: Json, name: str = LESSON) -> Json:
    found: Json = next(each for each in view["lessons"] if each["name"] == name)
    return found


def quiz_done(at: float = 1.0) -> Record:
    record = Record()
    for key in loader.load(LESSON).quiz:
        record = record.with_answer(Answer(at, LESSON, key, "quiz", "right"))
    return record


def test_a_newcomer_begins_at_the_beginning() -> None:
    """Is every lesson new, and the first one next?"""
    view = overview(Record(), 0.0)
    assert {each["state"] for each in view["lessons"]} == {"new"}
    assert view["next"] == view["lessons"][0]["name"]
    assert view["rows"] == [[], list(ROWS)]
    assert lesson(view)["title"]["ko"] == "첫 컨테이너"


def test_cells_and_rows_are_counted() -> None:
    """Are cells that the lesson has counted, and rows of all lessons together?"""
    record = Record().with_cell(LESSON, "run-nginx", ["K01", "C26"], 1.0)
    record = record.with_cell(LESSON, "a-cell-of-the-learner", ["X99"], 2.0)
    view = overview(record, 3.0)
    inside = outline(LESSON)
    assert inside is not None
    assert lesson(view)["cells"] == [1, len(inside.cells)]
    assert lesson(view)["rows"] == [2, len(inside.rows)]
    assert lesson(view)["state"] == "begun"
    assert view["rows"][0] == ["C26", "K01"]
    assert view["next"] == LESSON


def test_a_lesson_is_done_when_its_quiz_is() -> None:
    """Does a lesson stay begun until each question was right once, and stay done after that?"""
    record = quiz_done()
    first = next(iter(loader.load(LESSON).quiz))
    partly = Record(record.cells, record.answers[1:])
    assert lesson(overview(partly, 2.0))["state"] == "begun"
    view = overview(record.with_answer(Answer(9, LESSON, first, "quiz", "wrong")), 10.0)
    assert lesson(view)["state"] == "done"
    assert view["next"] != LESSON


def test_predictions_count_when_they_are_made() -> None:
    """Is a prediction counted once, right or wrong?"""
    record = Record()
    for outcome in ("chosen", "wrong"):
        record = record.with_answer(Answer(1.0, LESSON, "same-port", "prediction", outcome, 0))
    found = lesson(overview(record, 2.0))
    assert found["predictions"] == [1, len(loader.load(LESSON).predictions)]


def test_what_was_wrong_is_due_after_a_while() -> None:
    """Does it wait first and become due then; is what nobody asks any more left out?"""
    record = Record()
    for key, about in (("list-all", "quiz"), ("same-port", "prediction"), ("gone", "quiz")):
        record = record.with_answer(Answer(0.0, LESSON, key, about, "wrong"))
    record = record.with_answer(Answer(0.0, "99_gone", "list-all", "quiz", "wrong"))
    before, after = overview(record, 9 * MINUTE), overview(record, DAY)
    assert before["due"] == []
    assert {card["key"] for card in before["waiting"]} == {"list-all", "same-port"}
    assert {card["key"] for card in after["due"]} == {"list-all", "same-port"}
    assert after["waiting"] == []
