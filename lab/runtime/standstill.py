"""All processes of a container held by SIGSTOP: where no control group can freeze them.

Parents are stopped before their children and go on after them, so that no shell in the container
sees a child of its own stopped.  What was stopped before stays so.  A process cannot be started
by one that stands still: when a look finds nothing that moves, nothing will.

Source: signal(7), wait(2), pid_namespaces(7).
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

from lab.kernel import procfs

LIMIT = 10.0
"""Seconds after which processes that do not come to rest are let go again."""

_PAUSE = 0.002
_STOPPED = ("T", "t")
_AT_REST = (*_STOPPED, "D", "Z", "X")
"""States in which a process that has been sent SIGSTOP runs no more of its program.

One that waits in the kernel (D) stops when that is over, and vfork(2) is over only when the
child, which is stopped too, has gone on.  Of one that shows as a zombie (Z) other threads may
live: they got the signal as well.
"""


class _Process(NamedTuple):
    pid: int
    parent: int
    state: str
    started: int


class Standstill:
    """The processes of one container, held; `pid` is its first one."""

    def __init__(self, pid: int) -> None:
        self._namespace = procfs.namespace(pid, "pid")
        self._held: list[tuple[int, int]] = []

    def stop(self) -> None:
        """Stop everything; raises TimeoutError, with all going on again, if that cannot be done."""
        end = time.monotonic() + LIMIT
        known = {(each.pid, each.started) for each in self._processes() if each.state in _STOPPED}
        known.update(self._held)
        while True:
            found = self._processes()
            new = [each for each in found if (each.pid, each.started) not in known]
            for each in new:
                known.add((each.pid, each.started))
                self._hold(each, end)
            if not new and all(each.state in _AT_REST for each in found):
                return
            self._give_up_after(end)
            time.sleep(_PAUSE)

    def _hold(self, process: _Process, end: float) -> None:
        """Stop one process and see it stand still: only then may its children be stopped.

        In the middle of wait(2) it would otherwise still be told of them.
        """
        self._held.append((process.pid, process.started))
        _send(process.pid, process.started, signal.SIGSTOP)
        while _state(process.pid) not in _AT_REST:
            self._give_up_after(end)
            time.sleep(_PAUSE / 10)

    def _give_up_after(self, end: float) -> None:
        if time.monotonic() > end:
            self.resume()
            raise TimeoutError(errno.ETIMEDOUT, "its processes do not come to rest")

    def resume(self) -> None:
        """Let everything go on that was stopped here, children first."""
        while self._held:
            _send(*self._held.pop(), signal.SIGCONT)

    def _processes(self) -> list[_Process]:
        """Return the container's processes, parents before their children."""
        found = {each.pid: each for each in self._inside()}
        children: dict[int, list[_Process]] = {}
        for each in found.values():
            children.setdefault(each.parent, []).append(each)
        # those started from outside (`docker exec`) have no parent here
        waiting = [each for each in found.values() if each.parent not in found]
        ordered = []
        while waiting:
            each = waiting.pop(0)
            ordered.append(each)
            waiting += children.get(each.pid, ())
        return ordered

    def _inside(self) -> Iterator[_Process]:
        for name in os.listdir("/proc"):
            # one may end at any moment
            with contextlib.suppress(OSError, ValueError):
                if name.isdecimal() and procfs.namespace(name, "pid") == self._namespace:
                    yield _read(int(name))


def _read(pid: int) -> _Process:
    with open(f"/proc/{pid}/stat", "rb") as file:
        words = file.read().rpartition(b")")[2].split()
    return _Process(pid, int(words[1]), words[0].decode(), int(words[19]))


def _state(pid: int) -> str:
    try:
        return _read(pid).state
    except (OSError, IndexError):
        return "X"


def _send(pid: int, started: int, number: int) -> None:
    """Send a signal to just this process, not to one that has its number by now."""
    with contextlib.suppress(ProcessLookupError):
        fd = os.pidfd_open(pid)
        try:
            if procfs.start_time(pid) == started:
                signal.pidfd_send_signal(fd, number)
        finally:
            os.close(fd)
