"""Measurements: what is counted once, what adds up, what is refused; with places that are counted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from lab.course import measurements, places
from lab.course.measurements import affordable, measure, table
from lab.errors import InvalidParameter, Unavailable


class Counted:
    """A place whose inhabitants take 10 bytes of memory and 3 of the disk each."""

    def __init__(self) -> None:
        self.running = self.most = self.removed = 0
        self.fails_at = 0

    def start(self) -> CountedOne:
        if self.running + 1 == self.fails_at:
            raise Unavailable("no more")
        self.running += 1
        self.most = max(self.most, self.running)
        return CountedOne(self)

    def shared_disk(self) -> int:
        return 100


class CountedOne:
    answer = places.Answer("6.1", 10)

    def __init__(self, place: Counted) -> None:
        self._place = place

    def work(self) -> float:
        return 0.5

    def memory(self) -> int:
        return 10

    def disk(self) -> int:
        return 3

    def stop(self) -> None:
        self._place.running -= 1

    def remove(self) -> None:
        self._place.removed += 1


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()

    @contextlib.contextmanager
    def opened(kind: str) -> Iterator[Counted]:
        yield counted

    monkeypatch.setattr(places, "opened", opened)
    return counted


def test_what_they_share_is_counted_once(place: Counted) -> None:
    """Do memory and own disk grow with their number, and what is common to all does not?"""
    one, two, five = measure("container")
    assert [each["count"] for each in (one, two, five)] == [1, 2, 5]
    assert [each["memory"] for each in (one, two, five)] == [10, 20, 50]
    assert [each["disk"] for each in (one, two, five)] == [103, 106, 115]
    assert one["kind"] == "container" and one["kernel"] == "6.1" and one["work"] == 0.5


def test_times_add_up(place: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is the time of two that of the first and the second, one after the other?"""
    times = iter([1.0, 2.0, 4.0, 0.1, 0.2, 0.4])

    def seconds(action: object) -> float:
        assert callable(action)
        action()
        return next(times)

    monkeypatch.setattr(measurements, "_seconds", seconds)
    measured = measure("process", counts=[3, 1, 2])
    assert [each["start"] for each in measured] == [1.0, 3.0, 7.0]
    assert [each["stop"] for each in measured] == pytest.approx([0.1, 0.3, 0.7])


def test_no_more_than_asked_for_and_nothing_left(place: Counted) -> None:
    """Are exactly so many started, and all of them stopped and removed?"""
    measure("process", counts=(2,))
    assert (place.most, place.running, place.removed) == (2, 0, 2)


def test_a_start_that_fails_leaves_nothing(place: Counted) -> None:
    """If the third cannot be started, are the first two removed?"""
    place.fails_at = 3
    with pytest.raises(Unavailable, match="no more"):
        measure("container")
    assert place.removed == 2


def test_machines_need_memory(place: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are fewer virtual machines measured where memory is small, and more refused, with numbers?"""
    assert affordable((1, 2, 5), free=4 << 30) == (1, 2, 5)
    assert affordable((1, 2, 5), free=1 << 30) == (1, 2)
    assert affordable((1, 2, 5), free=600 << 20) == (1,)
    with pytest.raises(Unavailable, match="550 MB of memory, and 300 MB are free"):
        affordable((1, 2), free=300 << 20)
    monkeypatch.setattr(measurements, "memory", lambda: type("M", (), {"free": 1 << 30}))
    with pytest.raises(Unavailable, match="5 of these"):
        measure("vm", counts=(1, 5))
    assert [each["count"] for each in measure("vm")] == [1, 2]


def test_nonsense_is_refused(place: Counted) -> None:
    """Are an unknown kind and a number of none refused in a sentence?"""
    with pytest.raises(InvalidParameter, match="'unikernel'"):
        measure("unikernel")
    with pytest.raises(InvalidParameter, match="at least one"):
        measure("process", counts=[0])


def test_table_shows_seconds_and_megabytes(place: Counted) -> None:
    """Has the table a line for each measurement, under a heading?"""
    row = {
        "kind": "vm", "count": 2, "start": 9.5, "stop": 0.25, "memory": 600_000_000,
        "disk": 180_000_000, "work": 1.5, "kernel": "6.1.0-56-amd64",
    }  # fmt: skip
    heading, line = table([row]).splitlines()
    assert heading.split()[:4] == ["kind", "count", "start", "s"]
    assert line.split() == ["vm", "2", "9.500", "0.250", "600.0", "180.0", "1.500", row["kernel"]]


def test_an_answer_is_parsed_or_refused() -> None:
    """Is what the program says taken apart, and anything else shown as it is?"""
    assert places.parse(b'{"kernel": "6.1", "memory": 42}') == ("6.1", 42)
    with pytest.raises(Unavailable, match="no such file"):
        places.parse(b"no such file\n")
    with pytest.raises(Unavailable, match="it said nothing"):
        places.parse(b"")
