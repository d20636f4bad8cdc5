"""Containers' records on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.database import Database
from lab.engine.persist import ContainerTable
from lab.engine.state import Record, Status


@pytest.fixture
def table(tmp_path: Path) -> Iterator[ContainerTable]:
    database = Database(tmp_path / "db")
    yield ContainerTable(database)
    database.close()


def record(number: int, name: str = "") -> Record:
    return Record(str(number) * 64, name or f"n{number}", "", "", "", {}, {})


def test_records_come_back_in_order(table: ContainerTable) -> None:
    """Are records those that were stored, as they were stored last, the oldest first?"""
    one, two = record(1), record(2)
    table.save(one)
    table.save(two)
    one.state.status, one.name = Status.RUNNING, "renamed"
    table.save(one)
    assert table.all() == [one, two]
    table.delete(one.id)
    table.delete(one.id)
    assert table.all() == [two]


def test_names_are_unique(table: ContainerTable) -> None:
    """Does the file itself keep two containers from having one name?"""
    table.save(record(1, "same"))
    with pytest.raises(sqlite3.IntegrityError):
        table.save(record(2, "same"))
    assert len(table.all()) == 1
