"""Logs that are not to grow for ever: options read, the oldest rows given up, the rest read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.engine.log_limits import LogLimits, data_from, parse_size
from lab.engine.logs import LogFile, LogQuery, read, start_of
from lab.errors import InvalidParameter
from lab.runtime.stdio import STDOUT


def limits(driver: str = "json-file", **options: str) -> LogLimits:
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return LogLimits.from_json({"LogConfig": {"Type": driver, "Config": named}})


def test_options() -> None:
    """Are sizes and numbers read as Docker reads them, with each driver's own defaults?"""
    assert limits() == LogLimits("json-file", 0, 1)
    assert limits(max_size="10m", max_file="3") == LogLimits("json-file", 10_000_000, 3)
    assert limits("local") == LogLimits("local", 20_000_000, 5)
    assert limits("none", whatever="x").driver == "none"
    assert [parse_size(text) for text in ("5", "1k", "2KB", "1.5m", "-1")] == [
        5, 1000, 2000, 1_500_000, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("driver", "options", "message"),
    [
        ("journal", {}, "logger: no log driver named 'journal' is registered"),
        ("json-file", {"speed": "x"}, "unknown log opt 'speed' for json-file log driver"),
        ("local", {"labels": "x"}, "unknown log opt 'labels' for local log driver"),
        ("json-file", {"max_size": "ten"}, "invalid size: 'ten'"),
        ("json-file", {"max_file": "0"}, "max-file cannot be less than 1"),
    ],
)
def test_wrong_options(driver: str, options: dict[str, str], message: str) -> None:
    """Are others refused in Docker's words?"""
    with pytest.raises(InvalidParameter, match=message):
        limits(driver, **options)


def numbers(log: LogFile, tail: int | None = None) -> list[int]:
    """Return what `docker logs` shows of a log of numbers."""
    query, found = LogQuery(tail=tail), []
    with log.opened() as file:
        offset, _ = start_of(file, query)
        more = True
        while more:
            lines, offset, more = read(file, query, offset)
            found += [int(line.text) for line in lines]
    return found


def test_the_oldest_rows_go(tmp_path: Path) -> None:
    """Are the last parts kept whole, the disk space of others given back, also after a restart?"""
    log = LogFile(tmp_path / "log", LogLimits(max_size=20_000, max_files=3))
    log.open()
    for number in range(5000):
        log.write(STDOUT, b"%d\n" % number)
    found = numbers(log)
    assert found == list(range(found[0], 5000))
    row = (tmp_path / "log").stat().st_size / 5000
    assert 2 * 20_000 <= len(found) * row <= 3 * 20_000 + 200
    assert numbers(log, tail=10) == list(range(4990, 5000))
    assert numbers(log, tail=100_000) == found
    assert (tmp_path / "log").stat().st_blocks * 512 < 100_000
    log.close()
    log = LogFile(tmp_path / "log", LogLimits(max_size=20_000, max_files=1))
    log.open()
    log.write(STDOUT, b"5000\n")
    assert numbers(log) == [5000]
    log.close()


def test_without_limits(tmp_path: Path) -> None:
    """Is everything kept where nothing is said?"""
    log = LogFile(tmp_path / "log")
    log.open()
    for number in range(3000):
        log.write(STDOUT, b"%d\n" % number)
    assert numbers(log) == list(range(3000))
    log.close()


def test_a_row_that_comes_during_the_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is nothing passed over that is written just after an empty log was found to be empty?"""
    path = tmp_path / "log"
    path.touch()
    seek = os.lseek

    def seek_and_write(fd: int, offset: int, whence: int) -> int:
        try:
            return seek(fd, offset, whence)
        finally:
            if whence == os.SEEK_DATA:
                path.write_bytes(b"row\n")

    monkeypatch.setattr(os, "lseek", seek_and_write)
    with path.open("rb") as file:
        assert data_from(file.fileno(), 0) == 0
