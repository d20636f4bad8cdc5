"""What a forked process goes on as: the same words, descriptors and signals in either way."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_SHOW = """
import json, os, signal, sys
listing = os.open("/proc/self/fd", os.O_RDONLY)
open_fds = sorted(int(name) for name in os.listdir(listing) if int(name) < 50)
handled = [n for n in (signal.SIGTERM, signal.SIGUSR1) if signal.getsignal(n) != signal.SIG_DFL]
os.close(listing)
print(json.dumps({"words": sys.argv[1:], "fds": open_fds, "handled": handled,
                  "inherited": "before" in globals()}))
"""

_FORK = """
import os, signal, sys
from lab.kernel.program import become
before = True
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, lambda *_: None)
kept, dropped = os.dup2(0, 20, False), os.dup2(0, 21, False)
if (pid := os.fork()) == 0:
    become(sys.argv[1], ["one", "two words"], [kept], sys.argv[2] or None)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.parametrize("interpreter", [sys.executable, ""])
def test_become(interpreter: str) -> None:
    done = _run(_SHOW, interpreter)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["words"] == ["one", "two words"]
    assert shown["handled"] == []
    assert not shown["inherited"]
    assert 20 in shown["fds"]
    assert 21 not in shown["fds"]


@pytest.mark.parametrize("interpreter", [sys.executable, ""])
@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("import sys; sys.exit('no engine')", 1, "no engine\n"),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit()", 0, ""),
        ("1 / 0", 1, "ZeroDivisionError"),
    ],
)
def test_end(interpreter: str, source: str, code: int, said: str) -> None:
    done = _run(source, interpreter)
    assert done.returncode == code
    assert said in done.stderr
    assert ("Traceback" in done.stderr) == (source == "1 / 0")


def _run(source: str, interpreter: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _FORK, source, interpreter],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
