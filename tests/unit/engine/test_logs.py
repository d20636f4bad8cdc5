"""What containers wrote, as it is kept and read again."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.engine import logs
from lab.engine.logs import LogFile, LogQuery, parse_tail
from lab.runtime.stdio import STDERR, STDOUT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c-json.log"


def in_loop(work: Callable[[], object]) -> None:
    async def run() -> None:
        result = work()
        if asyncio.iscoroutine(result):
            await asyncio.wait_for(result, 10)

    asyncio.run(run())


async def read(log: LogFile, query: LogQuery = LogQuery(), follow: bool = False) -> str:  # noqa: B008
    with log.opened() as file:
        lines = [line async for some in log.stream(file, query, follow) for line in some]
    return "".join(line.text for line in lines)


def test_lines_are_put_together(path: Path) -> None:
    """Is a line stored when it is finished, however it came, and each stream for itself?"""

    async def work() -> None:
        log = LogFile(path)
        log.open()
        log.write(STDOUT, b"on")
        log.write(STDERR, b"other")
        log.write(STDOUT, b"e\ntw")
        assert await read(log) == "one\n"
        log.write(STDOUT, b"o\n\n")
        log.close()
        assert await read(log) == "one\ntwo\n\nother"
        assert await read(log, LogQuery(stdout=False)) == "other"

    in_loop(work)


def test_the_file_is_docker_s(path: Path) -> None:
    """Is each row Docker's JSON, with a moment of nine decimals?"""

    def work() -> None:
        log = LogFile(path)
        log.open()
        log.write(STDOUT, "é\n".encode())
        log.close()
        (row,) = path.read_text().splitlines()
        members = json.loads(row)
        assert (members["log"], members["stream"], set(members)) == (
            "é\n",
            "stdout",
            {"log", "stream", "time"},
        )
        assert len(members["time"]) == 30 and members["time"].endswith("Z")

    in_loop(work)


def test_long_lines_are_stored_in_parts(path: Path) -> None:
    """Is a line of any length kept whole, in parts of 16 KB as Docker has them?"""

    async def work() -> None:
        log = LogFile(path)
        log.open()
        log.write(STDOUT, b"x" * 40000 + b"\n")
        log.close()
        sizes = [len(json.loads(row)["log"]) for row in path.read_text().splitlines()]
        assert sum(sizes) == 40001
        assert await read(log) == "x" * 40000 + "\n"

    in_loop(work)


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1000, 1001, 2500])
def test_tail(path: Path, count: int) -> None:
    """Are exactly the last lines given, whether there are fewer, as many or more?"""

    async def work() -> None:
        log = LogFile(path)
        log.open()
        log.write(STDOUT, b"".join(b"%d\n" % n for n in range(2000)))
        log.write(STDERR, b"error\n" * 50)
        log.close()
        got = await read(log, LogQuery(stderr=False, tail=count))
        assert got.split() == [str(n) for n in range(max(0, 2000 - count), 2000)]

    in_loop(work)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=60), st.integers(0, 70))
def test_tail_of_any_log(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], tail: int
) -> None:
    """Is the end found in a log of any lines, also where lines and blocks do not meet?"""

    async def work() -> None:
        log = LogFile(tmp_path_factory.mktemp("log") / "x")
        log.open()
        lines = [f"{n}{'y' * size}\n" for n, size in enumerate(sizes)]
        log.write(STDOUT, "".join(lines).encode())
        log.close()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(logs, "_BLOCK", 64)
            got = await read(log, LogQuery(tail=tail))
        assert got == "".join(lines[max(0, len(lines) - tail) :])

    in_loop(work)


def test_since_and_until(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are both moments included?"""
    moments = iter([f"2026-01-01T00:00:0{n}.000000000Z" for n in range(1, 5)])
    monkeypatch.setattr(logs, "now", lambda: next(moments))

    async def work() -> None:
        log = LogFile(path)
        log.open()
        for n in range(1, 5):
            log.write(STDOUT, b"%d\n" % n)
        log.close()
        second, third = (f"2026-01-01T00:00:0{n}.000000000Z" for n in (2, 3))
        assert await read(log, LogQuery(since=second)) == "2\n3\n4\n"
        assert await read(log, LogQuery(until=third)) == "1\n2\n3\n"
        assert await read(log, LogQuery(since=second, until=third, tail=1)) == "3\n"

    in_loop(work)


def test_following(path: Path) -> None:
    """Does a follower get what is there, what comes, and the end?"""

    async def work() -> None:
        log = LogFile(path)
        log.open()
        log.write(STDOUT, b"before\n")
        follower = asyncio.create_task(read(log, LogQuery(tail=5), follow=True))
        for n in range(5):
            await asyncio.sleep(0.002)
            log.write(STDOUT, b"%d\n" % n)
        log.write(STDOUT, b"last words")
        log.close()
        assert await follower == "before\n0\n1\n2\n3\n4\nlast words"
        # nothing follows upon a run that is over
        assert await read(log, LogQuery(tail=1), follow=True) == "last words"

    in_loop(work)


def test_a_log_that_is_removed_while_it_is_read(path: Path) -> None:
    """Is what was written still read when the container has gone meanwhile?"""

    async def work() -> None:
        log = LogFile(path)
        log.open()
        log.write(STDOUT, b"kept\n")
        with log.opened() as file:
            log.close()
            path.unlink()
            lines = [line async for some in log.stream(file, LogQuery(), True) for line in some]
        assert [line.text for line in lines] == ["kept\n"]

    in_loop(work)


def test_no_log_at_all(tmp_path: Path) -> None:
    """Is a container that never ran, or has no folder any more, read as one that said nothing?"""

    async def work() -> None:
        for place in (tmp_path / "log", tmp_path / "gone" / "log"):
            assert await read(LogFile(place), LogQuery(tail=3)) == ""
            assert await read(LogFile(place), follow=True) == ""

    in_loop(work)


def test_rows_that_were_cut_short(path: Path) -> None:
    """Is a torn last row passed over, and does the next run's first line not suffer from it?"""

    async def work() -> None:
        log = LogFile(path)
        log.open()
        log.write(STDOUT, b"one\n")
        log.close()
        with path.open("ab") as file:
            file.write(b'{"log":"torn')
        assert await read(log) == "one\n"
        assert await read(log, LogQuery(tail=1)) == "one\n"
        log.open()
        log.write(STDOUT, b"two\n")
        log.close()
        assert await read(log) == "one\ntwo\n"

    in_loop(work)


def test_a_full_disk(path: Path) -> None:
    """Is a row that does not fit left out as a whole, and what fits again kept?"""

    async def work() -> None:
        log = LogFile(path)
        log.open()
        log.write(STDOUT, b"fits\n")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, before[1]))
        try:
            log.write(
                STDOUT, b"does not fit, since it is longer than what there is room for" * 2 + b"\n"
            )
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        log.write(STDOUT, b"fits again\n")
        log.close()
        assert await read(log) == "fits\nfits again\n"
        assert all(json.loads(row) for row in path.read_text().splitlines())

    in_loop(work)


def test_descriptors(path: Path) -> None:
    """Is the file closed at the end of each run?"""

    def work() -> None:
        before = len(os.listdir("/proc/self/fd"))
        log = LogFile(path)
        for _ in range(3):
            log.open()
            log.write(STDOUT, b"x\n")
            log.close()
            log.close()
        assert len(os.listdir("/proc/self/fd")) == before

    in_loop(work)


@pytest.mark.parametrize(
    ("text", "lines"),
    [("", None), ("all", None), ("0", 0), ("12", 12), ("-1", None), ("--1", None), ("many", None)],
)
def test_forms_of_tail(text: str, lines: int | None) -> None:
    """Does a number count lines, and anything else mean all of them, as with Docker?"""
    assert parse_tail(text) == lines
