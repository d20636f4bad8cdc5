"""The program of --init: run as a parent, without a container."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import StartError
from lab.runtime import reaper
from tests.conftest import until

AS_PARENT = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
pid = os.fork()
if pid:
    os.execve(sys.argv[1], [sys.argv[1], '--'], {str(pid): "", "OTHER": "x"})
signal.pthread_sigmask(signal.SIG_SETMASK, [])
os.execv("/bin/sh", ["sh", "-c", sys.argv[-1]])
"""


@pytest.fixture
def helper(tmp_path: Path) -> str:
    """The program for this machine's processor."""
    path = tmp_path / "init"
    try:
        path.write_bytes(reaper.program(platform.machine()))
    except StartError as error:
        pytest.skip(error.message)
    path.chmod(0o755)
    return str(path)


def start(helper: str, script: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", AS_PARENT, helper, script], stdout=subprocess.PIPE
    )


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("sleep 0.1; exit 3", 3)],
)
def test_it_ends_with_the_program(helper: str, script: str, code: int) -> None:
    """Is the exit code that of the program, and 128 and a signal's number for a deadly one?"""
    with start(helper, script) as process:
        try:
            assert process.wait(10) == code
        finally:
            process.kill()


def test_signals_go_to_the_program(helper: str) -> None:
    """Does a signal arrive at the program, and its own end decide?"""
    script = "trap 'echo caught; exit 5' USR1; echo ready; while :; do sleep 0.02; done"
    with start(helper, script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == b"caught\n"
        assert process.wait(10) == 5


def test_it_needs_next_to_no_memory(helper: str) -> None:
    """Is it a program of a few hundred bytes, with less than 100 kB in memory?"""
    assert Path(helper).stat().st_size < 1024
    with start(helper, "echo; exec sleep 9") as process:
        assert process.stdout is not None
        process.stdout.readline()
        status = Path(f"/proc/{process.pid}/status")
        until(lambda: "Name:\tinit" in status.read_text(), what="it has taken over")
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        assert int(line.split()[1]) < 100
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143


def test_other_processors() -> None:
    """Is a processor for which there is no program named?"""
    with pytest.raises(StartError, match="--init is not there for processors of the kind mips"):
        reaper.program("mips")
