"""Docker's events, read from the journal."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from lab.database import Database
from lab.engine import events
from lab.engine.events import EventQuery
from lab.journal import Entry, Journal

CONTAINER = "c" * 64
START = Entry(
    1, 1_500_000_000, "container", "start", CONTAINER, {"name": "web", "image": "nginx:1", "k": "v"}
)
EXEC = Entry(2, 2, "container", "exec_create: ls ", CONTAINER, {"name": "web", "image": "nginx"})
PULL = Entry(3, 3, "image", "pull", "busybox:latest", {"name": "busybox"})
CONNECT = Entry(4, 4, "network", "connect", "n" * 64, {"name": "bridge", "container": CONTAINER})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    database = Database(tmp_path / "db")
    yield Journal(database)
    database.close()


def test_docker_s_form() -> None:
    """Are the members those of Docker, with those of older clients where it has them?"""
    shown = events.to_json(START)
    assert shown["Type"] == "container" and shown["Action"] == shown["status"] == "start"
    assert shown["Actor"] == {"ID": CONTAINER, "Attributes": dict(START.attributes)}
    assert (shown["time"], shown["timeNano"], shown["from"]) == (1, 1_500_000_000, "nginx:1")
    assert events.to_json(PULL)["id"] == "busybox:latest"
    assert "status" not in events.to_json(CONNECT)


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({}, {1, 2, 3, 4}),
        ({"type": ("container",)}, {1, 2}),
        ({"type": ("container", "image")}, {1, 2, 3}),
        ({"event": ("start",)}, {1}),
        ({"event": ("exec_create",)}, {2}),
        ({"event": ("exec",)}, set()),
        ({"event": ("exec_create: ls ", "star")}, {2}),
        ({"container": ("web",)}, {1, 2}),
        ({"container": (CONTAINER[:12],)}, {1, 2}),
        ({"container": ("we",)}, {1, 2}),
        ({"container": ("",)}, {1, 2, 3, 4}),
        ({"image": ("nginx",)}, {1, 2}),
        ({"image": ("nginx:1",)}, {1}),
        ({"image": ("busybox",)}, {3}),
        ({"image": ("busybox:latest",)}, {3}),
        ({"image": ("busy",)}, set()),
        ({"label": ("k",)}, {1}),
        ({"label": ("k=v",)}, {1}),
        ({"label": ("k=w",)}, set()),
        ({"network": ("bridge",)}, {4}),
        ({"scope": ("local",)}, {1, 2, 3, 4}),
        ({"scope": ("swarm",)}, set()),
        # what Docker does not know means nothing to it, and neither does a key without values
        ({"colour": ("red",)}, {1, 2, 3, 4}),
        ({"type": ()}, {1, 2, 3, 4}),
        # of several keys all must match
        ({"type": ("container",), "event": ("start", "pull")}, {1}),
    ],
)
def test_filters(filters: dict[str, tuple[str, ...]], wanted: set[int]) -> None:
    """Does each filter choose what Docker's does?"""
    query = EventQuery(filters=filters)
    assert {entry.seq for entry in (START, EXEC, PULL, CONNECT) if query.wants(entry)} == wanted


async def listen(journal: Journal, query: EventQuery, now: int) -> AsyncGenerator[Entry, None]:
    with events.listening(journal, query) as ear:
        async for entry in events.stream(journal, query, now, ear):
            yield entry


async def take(stream: AsyncGenerator[Entry, None], count: int) -> list[str]:
    return [(await asyncio.wait_for(anext(stream), 10)).actor for _ in range(count)]


def test_past_and_present(journal: Journal) -> None:
    """Is what happens while the past is read neither lost nor told twice?"""

    async def work() -> None:
        for number in range(600):
            journal.append("a", "b", str(number))
        stream = listen(journal, EventQuery(since_ns=0), time.time_ns())
        got = await take(stream, 1)
        thread = threading.Thread(
            target=lambda: [journal.append("a", "b", str(n)) for n in range(600, 700)]
        )
        thread.start()
        got += await take(stream, 699)
        thread.join()
        assert got == [str(n) for n in range(700)]
        await stream.aclose()
        assert not journal._listeners

    asyncio.run(work())


def test_a_listener_that_does_not_listen(journal: Journal) -> None:
    """Is little kept for one that takes nothing for long, and does it miss nothing in the end?"""
    count, wanted = 5000, EventQuery(filters={"type": ("a",)})

    def append() -> None:
        for number in range(count):
            if number % 500 == 0:
                journal.append("other", "b", "not wanted")
            journal.append("a", "b", str(number))

    async def work() -> None:
        with_one = listen(journal, wanted, time.time_ns())
        first = asyncio.create_task(take(with_one, 1))
        while not journal._listeners:
            await asyncio.sleep(0)
        await asyncio.to_thread(append)
        await asyncio.sleep(0)
        gc.collect()
        kept = sum(isinstance(each, Entry) for each in gc.get_objects())
        assert kept < 2 * events.ROOM
        got = await first + await take(with_one, count - 1)
        assert got == [str(number) for number in range(count)]
        # it keeps up again
        journal.append("a", "b", "later")
        assert await take(with_one, 1) == ["later"]
        await with_one.aclose()

    asyncio.run(work())


def test_the_present_only(journal: Journal) -> None:
    """Does a listener without --since hear nothing of the past?"""

    async def work() -> None:
        journal.append("a", "b", "old")
        stream = listen(journal, EventQuery(), time.time_ns())
        first = asyncio.create_task(take(stream, 1))
        while not journal._listeners:
            await asyncio.sleep(0)
        journal.append("a", "b", "new")
        assert await first == ["new"]
        await stream.aclose()

    asyncio.run(work())


def test_until_when(journal: Journal) -> None:
    """Does the answer end at the moment asked for: at once if that is past, else when it comes?"""

    async def work() -> None:
        first = journal.append("a", "b", "1")
        journal.append("a", "b", "2")
        past = EventQuery(since_ns=0, until_ns=first.at_ns)
        assert [e.actor async for e in listen(journal, past, time.time_ns())] == ["1"]
        now = time.time_ns()
        soon = EventQuery(since_ns=0, until_ns=now + 50_000_000)
        assert [e.actor async for e in listen(journal, soon, now)] == ["1", "2"]
        assert time.time_ns() >= now + 40_000_000
        assert not journal._listeners

    asyncio.run(work())
