"""What a learner has done, as values: nothing is lost, and what is no record is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.course.record import Answer, Record, parse
from lab.errors import InvalidParameter, Unsupported

NAMES = st.sampled_from(["a", "b", "c"])
TIMES = st.integers(0, 50).map(float)
ANSWERS = st.builds(
    Answer,
    TIMES,
    NAMES,
    NAMES,
    st.just("quiz"),
    st.sampled_from(["right", "wrong", "later"]),
    st.one_of(st.none(), st.integers(0, 3), st.text(max_size=5), st.lists(st.integers(0, 3))),
)


@st.composite
def made(draw: st.DrawFn) -> Record:
    record = Record()
    for lesson, cell, at in draw(st.lists(st.tuples(NAMES, NAMES, TIMES), max_size=6)):
        record = record.with_cell(lesson, cell, ["K01"], at)
    for answer in draw(st.lists(ANSWERS, max_size=6)):
        record = record.with_answer(answer)
    return record


@given(made())
def test_what_is_written_is_read(record: Record) -> None:
    """Is a record the same after it was written and read?"""
    assert parse(record.to_json()) == record


@given(made(), made())
def test_merging_loses_nothing_and_may_be_repeated(one: Record, other: Record) -> None:
    """Is everything of both there, once, in whichever order and however often they are merged?"""
    both = one.merged(other)
    assert set(map(repr, both.answers)) == set(map(repr, (*one.answers, *other.answers)))
    for record in (one, other):
        for lesson, cells in record.cells.items():
            assert both.cells[lesson].keys() >= cells.keys()
            assert all(both.cells[lesson][id].times >= cells[id].times for id in cells)
    assert both.merged(other) == both.merged(one) == both
    assert other.merged(one).cells == both.cells


def test_a_cell_is_counted() -> None:
    """Is a cell that is run twice one cell, with both times and all rows?"""
    twice = Record().with_cell("a", "c", ["K01"], 1.0).with_cell("a", "c", ["C02"], 5.0)
    cell = twice.cells["a"]["c"]
    assert (cell.first, cell.last, cell.times, cell.covers) == (1.0, 5.0, 2, ("C02", "K01"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 1}',
        '{"version": 1, "cells": [], "answers": []}',
        '{"version": 1, "cells": {"a": {"c": {}}}, "answers": []}',
        '{"version": 1, "cells": {}, "answers": [{"at": 1}]}',
        '{"version": 1, "cells": {}, "answers": [{"at": "x", "lesson": "a", "key": "k",'
        ' "about": "quiz", "outcome": "right"}]}',
        '{"version": 1, "cells": {}, "answers": [{"at": 1, "lesson": "a", "key": "k",'
        ' "about": "song", "outcome": "right"}]}',
    ],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    """Is every other text an error of ours, and no other error?"""
    with pytest.raises(InvalidParameter, match="no progress of the lab"):
        parse(text)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner)))
def test_any_json_is_refused_or_read(value: object) -> None:
    """Is JSON of any other shape refused in the same way?"""
    text = json.dumps({"version": 1, "cells": value, "answers": value})
    with pytest.raises(InvalidParameter):
        parse(text)


def test_a_newer_format_is_told() -> None:
    """Is a file of a newer lab told as such, so that nobody overwrites it?"""
    with pytest.raises(Unsupported, match="newer version of the lab"):
        parse('{"version": 99, "surprise": true}')
