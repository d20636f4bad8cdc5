"""The engine's keeper, with small programs in the engine's place."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.jupyter import keeper
from lab.jupyter.keeper import EngineKeeper, State

from ...conftest import until

GOOD = "print('ready', flush=True); sys.stdin.read(); print('asked to end', flush=True)"
Keep = Callable[[str], EngineKeeper]


class Told(list[str]):
    """What the keeper reported."""


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "home" / "engine.log"


@pytest.fixture
def keep(log: Path, told: Told) -> Iterator[Keep]:
    """Starts a keeper of a program, given as Python text; stops it after the test."""
    kept: list[EngineKeeper] = []

    def start(program: str) -> EngineKeeper:
        made = EngineKeeper(command(program), log, told.append)
        kept.append(made)
        made.start()
        return made

    yield start
    for each in kept:
        each.stop()


def command(program: str) -> list[str]:
    return [sys.executable, "-c", f"import sys, os, signal, time\n{program}"]


def test_engine_is_ready_and_ends_with_its_input(keep: Keep, log: Path, told: Told) -> None:
    """Does "ready" make it ready, and is the engine asked to end before it is forced?"""
    kept = keep(f"print('hello', flush=True); {GOOD}")
    until(lambda: kept.status.state is State.READY)
    kept.stop()
    assert log.read_text().splitlines() == ["hello", "ready", "asked to end"]
    assert told == []


def test_failed_start_is_told_once(keep: Keep, told: Told) -> None:
    """Is an engine that ends before it was ready left alone, and its last words told?"""
    kept = keep("print('lab: another engine uses this folder'); print('   stop it'); sys.exit(1)")
    until(lambda: kept.status.state is State.FAILED)
    assert kept.status.message == "lab: another engine uses this folder stop it"
    assert told == [kept.status.message]


def test_silent_failure_tells_the_exit_code(keep: Keep) -> None:
    """Is there a message even if the engine said nothing?"""
    kept = keep("sys.exit(3)")
    until(lambda: kept.status.state is State.FAILED)
    assert kept.status.message == "the engine ended with exit code 3"


def test_missing_program(log: Path, told: Told) -> None:
    """Does a program that does not exist make it failed, not stuck?"""
    kept = EngineKeeper(["/nonexistent/engine"], log, told.append)
    kept.start()
    until(lambda: kept.status.state is State.FAILED)
    assert "/nonexistent/engine" in kept.status.message
    kept.stop()


def test_engine_that_dies_is_started_again_a_few_times(
    keep: Keep, tmp_path: Path, told: Told
) -> None:
    """Is it restarted, with a message each time, and given up in the end?"""
    count = tmp_path / "count"
    kept = keep(
        f"open({str(count)!r}, 'a').write('.'); print('ready', flush=True);"
        " os.kill(os.getpid(), signal.SIGKILL)"
    )
    until(lambda: kept.status.state is State.FAILED)
    assert len(count.read_text()) == 1 + keeper.RESTARTS
    assert told[0] == "the engine ended unexpectedly (signal 9); it is started again (1 of 3)"
    assert len(told) == 1 + keeper.RESTARTS
    assert "4th time" in told[-1]


def test_steady_engine_may_always_be_restarted(
    keep: Keep, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Do restarts count only when they follow each other quickly?"""
    monkeypatch.setattr(keeper, "STEADY_SECONDS", 0.0)
    kept = keep("print('ready', flush=True); sys.exit(1)")
    until(lambda: len(told) > 2 * keeper.RESTARTS)
    assert kept.status.state is not State.FAILED
    assert all("(1 of 3)" in message for message in told)


@pytest.mark.parametrize("ignored", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
def test_stubborn_engine_is_ended(
    keep: Keep, ignored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does `stop` end what ignores the end of its input, and even SIGTERM?"""
    monkeypatch.setattr(keeper, "_EOF_SECONDS", 0.05)
    monkeypatch.setattr(keeper, "_TERM_SECONDS", 0.05)
    kept = keep(f"{ignored}\nprint(os.getpid(), flush=True); print('ready', flush=True)\n"
                "while True: signal.pause()")  # fmt: skip
    until(lambda: kept.status.state is State.READY)
    pid = kept._child.pid if kept._child else 0
    kept.stop()
    assert not Path(f"/proc/{pid}").exists()


def test_log_stays_small(keep: Keep, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a talkative engine's log put aside, so that two bounded files remain?"""
    monkeypatch.setattr(keeper, "_LOG_BYTES", 1000)
    kept = keep(f"for n in range(500): print('line', n, flush=True)\n{GOOD}")
    until(lambda: kept.status.state is State.READY)
    kept.stop()
    files = sorted(path.name for path in log.parent.iterdir())
    assert files == ["engine.log", "engine.log.1"]
    assert all(path.stat().st_size <= 1000 for path in log.parent.iterdir())
    assert log.read_text().endswith("asked to end\n")


def test_log_that_cannot_be_put_aside(
    keep: Keep, log: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk, does the engine go on although its log cannot?"""

    def full(*paths: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(keeper, "_LOG_BYTES", 1000)
    monkeypatch.setattr("lab.jupyter.keeper.os.replace", full)
    kept = keep(f"for n in range(500): print('line', n, flush=True)\n{GOOD}")
    until(lambda: kept.status.state is State.READY)
    kept.stop()
    assert told == []


def test_engine_ends_with_a_killed_server(tmp_path: Path) -> None:
    """Does the engine end when the process that keeps it is killed with -9?"""
    ended = tmp_path / "ended"
    engine = f"print('ready', flush=True); sys.stdin.read(); open({str(ended)!r}, 'w')"
    server = (
        "from pathlib import Path; from lab.jupyter.keeper import EngineKeeper; import time\n"
        f"EngineKeeper({command(engine)!r}, Path({str(tmp_path / 'log')!r}), print).start()\n"
        "time.sleep(60)"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen([sys.executable, "-c", server], env=environ) as process:
        until(lambda: (tmp_path / "log").exists() and "ready" in (tmp_path / "log").read_text())
        process.send_signal(signal.SIGKILL)
    until(ended.exists)
