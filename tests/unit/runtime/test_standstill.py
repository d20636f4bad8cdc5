"""Processes held one by one, while they try to get away."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.runtime import standstill
from lab.runtime.standstill import Standstill
from tests.conftest import until

FORKING = "while :; do (echo x >>$1; sleep 0.01) & wait; done"


@pytest.fixture
def family(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A shell that forks all the time, taken for a container: what it writes tells that it runs."""
    written = tmp_path / "written"
    child = subprocess.Popen(["sh", "-c", FORKING, "sh", str(written)], start_new_session=True)

    def inside(self: Standstill) -> Iterator[standstill._Process]:
        for name in filter(str.isdecimal, os.listdir("/proc")):
            try:
                if os.getsid(int(name)) == child.pid:
                    yield standstill._read(int(name))
            except (OSError, IndexError):
                continue

    monkeypatch.setattr(Standstill, "_inside", inside)
    until(written.exists, what="it runs")
    yield child.pid, written
    os.killpg(child.pid, signal.SIGCONT)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def size_after_a_moment(path: Path) -> int:
    before, end = path.stat().st_size, time.monotonic() + 0.15
    while time.monotonic() < end and path.stat().st_size == before:
        time.sleep(0.01)
    return path.stat().st_size


def test_all_stand_still_and_go_on(family: tuple[int, Path]) -> None:
    """Does nothing happen any more, although processes are born all the time, and all afterwards?"""
    pid, written = family
    for _ in range(3):
        still = Standstill(pid)
        still.stop()
        size = written.stat().st_size
        assert size_after_a_moment(written) == size
        still.resume()
        until(lambda size=size: written.stat().st_size > size, what="it goes on")


def test_what_was_stopped_before_stays_so(family: tuple[int, Path]) -> None:
    """Does a process that a user has stopped (Ctrl-Z) not go on with the others?"""
    pid, _ = family
    os.kill(pid, signal.SIGSTOP)
    until(lambda: standstill._read(pid).state == "T", what="it is stopped")
    still = Standstill(pid)
    still.stop()
    still.resume()
    assert standstill._read(pid).state == "T"
