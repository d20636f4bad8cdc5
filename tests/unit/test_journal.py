"""The journal: everything that happened, in order, with no gap and nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.database import Database
from lab.journal import Entry, Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    database = Database(tmp_path / "db")
    yield Journal(database)
    database.close()


def test_entries_are_kept(journal: Journal, tmp_path: Path) -> None:
    """Is an entry there with all its members, for another reader of the file too?"""
    made = journal.append("container", "start", "id", {"name": "é", "image": "busybox"})
    assert list(journal.replay()) == [made]
    other = Database(tmp_path / "db")
    assert list(Journal(other).replay()) == [made]
    other.close()


def test_time_never_steps_back(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is the order of entries the order of their times, although the clock is set back?"""
    clock = iter([100, 50, 50, 200])
    monkeypatch.setattr("lab.journal.time.time_ns", lambda: next(clock))
    assert [journal.append("a", "b", "c").at_ns for _ in range(4)] == [100, 101, 102, 200]


def test_time_goes_on_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does a new engine, whose clock is behind, go on after the last entry?"""
    database = Database(tmp_path / "db")
    monkeypatch.setattr("lab.journal.time.time_ns", lambda: 100)
    Journal(database).append("a", "b", "c")
    monkeypatch.setattr("lab.journal.time.time_ns", lambda: 10)
    assert Journal(database).append("a", "b", "c").at_ns == 101
    database.close()


def test_bounds(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are both moments, and the last number, included?"""
    clock = iter(range(10, 100, 10))
    monkeypatch.setattr("lab.journal.time.time_ns", lambda: next(clock))
    for number in range(9):
        journal.append("a", "b", str(number))

    def actors(*bounds: int | None) -> str:
        return "".join(entry.actor for entry in journal.replay(*bounds))

    assert actors(30) == "2345678"
    assert actors(0, 30) == "012"
    assert actors(20, 40) == "123"
    assert actors(0, None, 3) == "012"


def test_many_pages(journal: Journal) -> None:
    """Is a long history replayed whole, once each, in order?"""
    with journal._database.transaction():
        for number in range(1201):
            journal.append("a", "b", str(number))
    assert [int(entry.actor) for entry in journal.replay()] == list(range(1201))


def test_no_gap_between_history_and_present(journal: Journal) -> None:
    """Does whoever subscribes amid appends of several threads see each entry exactly once?"""
    go_on = threading.Event()

    def append(prefix: int) -> None:
        number = 0
        while not go_on.is_set() or number < 50:
            journal.append("a", "b", f"{prefix}-{number}")
            number += 1

    threads = [threading.Thread(target=append, args=(prefix,)) for prefix in range(3)]
    for thread in threads:
        thread.start()
    seen: list[list[Entry]] = []
    listeners = []
    for _ in range(5):
        live: list[Entry] = []
        last = journal.subscribe(live.append)
        listeners.append(live)
        seen.append(list(journal.replay(last_seq=last)))
    go_on.set()
    for thread in threads:
        thread.join()
    everything = list(journal.replay())
    for history, live in zip(seen, listeners, strict=True):
        assert history + live == everything


def test_unsubscribed(journal: Journal) -> None:
    """Does somebody who left hear nothing more, and is leaving twice no error?"""
    heard: list[Entry] = []
    # bound methods are new objects each time, equal to one another
    journal.subscribe(heard.append)
    journal.append("a", "b", "1")
    journal.unsubscribe(heard.append)
    journal.unsubscribe(heard.append)
    journal.append("a", "b", "2")
    assert [entry.actor for entry in heard] == ["1"]


def test_together(journal: Journal) -> None:
    """Are the entries of a block told when all of them are stored, an inner block's too?"""
    heard: list[str] = []
    journal.subscribe(lambda entry: heard.append(entry.actor))
    with journal.together():
        journal.append("a", "b", "1")
        with journal.together():
            journal.append("a", "b", "2")
        assert heard == []
    assert heard == ["1", "2"]
    journal.append("a", "b", "3")
    assert heard == [entry.actor for entry in journal.replay()] == ["1", "2", "3"]


def test_together_or_not_at_all(journal: Journal) -> None:
    """Is nothing stored and nothing told of a block that fails, and all of what comes after?"""
    heard: list[str] = []
    journal.subscribe(lambda entry: heard.append(entry.actor))
    with pytest.raises(ValueError), journal.together():
        journal.append("a", "b", "1")
        raise ValueError
    assert heard == [entry.actor for entry in journal.replay()] == []
    journal.append("a", "b", "2")
    assert heard == [entry.actor for entry in journal.replay()] == ["2"]


def test_together_beside_other_threads(journal: Journal) -> None:
    """Do others wait for the block's end, so that the order told is the order stored?"""
    heard: list[int] = []
    journal.subscribe(lambda entry: heard.append(entry.seq))

    def work() -> None:
        for _ in range(50):
            with journal.together():
                journal.append("a", "b", "c")
                journal.append("a", "b", "d")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = list(journal.replay())
    assert heard == [entry.seq for entry in stored]
    assert "".join(entry.actor for entry in stored) == "cd" * 200
