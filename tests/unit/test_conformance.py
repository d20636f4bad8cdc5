"""docs/conformance.md: is it what the engine's routes, and the files that it is made of, say?"""

from __future__ import annotations

from pathlib import Path

from tests.conformance import report, suite

TESTS = Path(__file__).parents[1]


def test_document_is_up_to_date() -> None:
    """Has it been written anew since routes, notes or docker-py's outcome changed?"""
    again = "write it anew: python -m tests.conformance.report"
    assert report.TARGET.read_text(encoding="utf-8") == report.render(), again


def test_what_shows_an_operation_exists() -> None:
    """Is a test file named for each operation that is there, and is it one?"""
    for row in report.operations():
        if row.state != report.NOT:
            assert row.shown, f"{row.operation} is there: name its test in shown.txt"
            assert (TESTS / row.shown).is_file(), row.shown


def test_operations_are_those_of_the_api() -> None:
    """Do the notes speak only of operations of the API, and commands need only those?"""
    known = {row.operation for row in report.operations()}
    assert len(known) == 107
    noted = {line.split()[0] for name in ("shown.txt", "absent.txt") for line in report.lines(name)}
    assert noted <= known
    needed = {
        word for line in report.lines("commands.txt") for word in line.split() if word[0].isupper()
    }
    assert needed - {"CRIU;"} <= known


def test_tests_that_count_are_listed_once() -> None:
    """Are there 245 of them?"""
    assert len(set(suite.counted())) == 245
