"""A file before and after, as lines."""

from __future__ import annotations

from typing import Any

import pytest

from lab.widgets import file_diff


def content(text: str | None, size: int = 5) -> dict[str, Any]:
    return {"Kind": "file", "Size": size, "Mode": 420, "Text": text, "Truncated": False}


def described(before: str | None, after: str | None) -> dict[str, Any]:
    return file_diff.describe({"Path": "/x", "Before": content(before), "After": content(after)})


def test_lines_that_came_and_went() -> None:
    """Are changed lines told with what stood there, also if they look like a diff's head?"""
    told = described("-- one\ntwo\nthree", "++ one\ntwo\nthree")
    assert told["lines"][1:] == [["-", "-- one"], ["+", "++ one"], [" ", "two"], [" ", "three"]]
    assert told["before"] == {"kind": "file", "size": 5}


def test_a_new_and_a_deleted_file() -> None:
    """Are all lines new, or all gone, and is the other side nothing?"""
    new = file_diff.describe({"Path": "/x", "Before": None, "After": content("a\nb")})
    assert (new["before"], [line[0] for line in new["lines"]]) == (None, ["@", "+", "+"])
    gone = file_diff.describe({"Path": "/x", "Before": content("a"), "After": None})
    assert (gone["after"], gone["lines"][1:]) == (None, [["-", "a"]])


@pytest.mark.parametrize(
    ("before", "after", "note"),
    [
        (None, "text", "binary"),
        ("same", "same", "same"),
        ("", "line\n" * (file_diff.MAX_LINES + 1), "long"),
    ],
)
def test_why_there_are_no_lines(before: str | None, after: str | None, note: str) -> None:
    """Is it said why nothing is compared?"""
    told = described(before, after)
    assert (told["note"], told["lines"]) == (note, [])


def test_many_lines_are_cut() -> None:
    """Is the rest of many lines counted?"""
    told = described("", "line\n" * 1000)
    assert (len(told["lines"]), told["more"]) == (file_diff.SHOWN, 1001 - file_diff.SHOWN)
