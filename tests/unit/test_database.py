"""The engine's SQLite file: transactions, threads, failures."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.database import Database
from lab.errors import SyscallError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "db")
    made.define("CREATE TABLE IF NOT EXISTS t (n INTEGER UNIQUE);")
    yield made
    made.close()


def numbers(database: Database) -> list[int]:
    return [row["n"] for row in database.query("SELECT n FROM t ORDER BY n")]


def add(database: Database, number: int) -> int:
    return database.execute("INSERT INTO t (n) VALUES (?)", (number,))


def test_all_or_nothing(database: Database) -> None:
    """Do statements of a transaction take effect together, or not at all?"""
    with database.transaction():
        add(database, 1)
        add(database, 2)
    with pytest.raises(sqlite3.IntegrityError), database.transaction():
        add(database, 3)
        add(database, 1)
    with pytest.raises(KeyboardInterrupt), database.transaction():
        add(database, 4)
        raise KeyboardInterrupt
    assert numbers(database) == [1, 2]


def test_a_full_disk(database: Database) -> None:
    """Is it told in the system's words, alone and within a transaction, and are reads possible?"""
    add(database, 1)
    # as far as SQLite is concerned, a file that may not grow is a full disk
    database.query("PRAGMA max_page_count = 1")
    wide = "INSERT INTO t (n) VALUES (?)"
    for _ in range(2):
        with pytest.raises(SyscallError, match="No space left on device") as raised:
            database.execute(wide, ("x" * 100_000,))
        assert raised.value.errno == errno.ENOSPC
    with pytest.raises(SyscallError, match="No space left on device"), database.transaction():
        add(database, 2)
        database.execute(wide, ("x" * 100_000,))
    assert numbers(database) == [1]
    database.query("PRAGMA max_page_count = 1000")
    add(database, 3)
    assert numbers(database) == [1, 3]


def test_room(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is nothing new to be begun when less than a megabyte is free?"""
    database.require_room()
    free = os.statvfs("/")

    def statvfs(path: Path) -> object:
        return SimpleNamespace(f_bavail=(1 << 20) // free.f_frsize - 1, f_frsize=free.f_frsize)

    monkeypatch.setattr("lab.database.os.statvfs", statvfs)
    with pytest.raises(SyscallError, match="No space left on device"):
        database.require_room()


def test_transactions_in_transactions(database: Database) -> None:
    """Is an inner transaction part of the outer one?"""
    with pytest.raises(ValueError), database.transaction():
        with database.transaction():
            add(database, 1)
        raise ValueError
    assert numbers(database) == []


def test_a_commit_that_fails(database: Database) -> None:
    """Is a transaction that could not be committed undone, and the next one a new one?"""
    database.define(
        "PRAGMA foreign_keys = ON; CREATE TABLE c (n REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED);"
    )
    with pytest.raises(sqlite3.IntegrityError), database.transaction():
        add(database, 1)
        # only looked at when the transaction ends
        database.execute("INSERT INTO c (n) VALUES (99)")
    assert numbers(database) == []
    with database.transaction():
        add(database, 2)
    assert numbers(database) == [2]


def test_what_execute_returns(database: Database) -> None:
    """Is it the row of an insert, and else how many rows were touched?"""
    assert add(database, 5) == 1
    assert add(database, 6) == 2
    assert database.execute("UPDATE t SET n = n + 10") == 2
    assert database.execute("DELETE FROM t WHERE n = 99") == 0


def test_threads(database: Database) -> None:
    """Do transactions of several threads never mix?"""

    def work(start: int) -> None:
        for number in range(start, start + 50, 2):
            with database.transaction():
                add(database, number)
                add(database, number + 1)

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers(database)) == 200


def test_another_process_sees_whole_transactions(database: Database, tmp_path: Path) -> None:
    """Does a reader of the file see nothing of a transaction before its end, and then all?"""
    other = Database(tmp_path / "db")
    with database.transaction():
        add(database, 1)
        assert numbers(other) == []
    assert numbers(other) == [1]
    other.close()
