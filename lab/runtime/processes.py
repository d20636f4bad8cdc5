"""What /proc tells of processes, as the program ps reads it.  Source: proc(5), ps(1)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.kernel import procfs

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TERMINALS = 136
"""The first major number of pseudo-terminals; seven more follow."""


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One process.  Times are seconds: `started` since boot, `cpu` used; sizes are bytes.

    `uid` is the effective id, as this process sees it; `terminal` is `pts/0` or `?`.
    """

    pid: int
    parent: int
    group: int
    session: int
    foreground: int
    terminal: str
    state: str
    name: str
    command: tuple[str, ...]
    uid: int
    gid: int
    threads: int
    nice: int
    priority: int
    started: float
    cpu: float
    virtual: int
    resident: int
    processor: int


def read_all(pids: Iterable[int]) -> list[ProcessInfo]:
    """Return what is known of those processes that are still there, in order of their numbers."""
    return sorted(_present(pids), key=lambda each: each.pid)


def in_pid_namespace(pid: int) -> list[int]:
    """Return the processes of the pid namespace that `pid` is in (not those further in)."""
    wanted = procfs.namespace(pid, "pid")
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdecimal() and procfs.namespace(name, "pid") == wanted:
                found.append(int(name))
    return found


def uptime() -> float:
    """Return the seconds since boot."""
    with open("/proc/uptime") as file:
        return float(file.read().split()[0])


def memory_total() -> int:
    """Return the bytes of memory that the machine has."""
    return os.sysconf("SC_PHYS_PAGES") * _PAGE


def _present(pids: Iterable[int]) -> Iterator[ProcessInfo]:
    for pid in pids:
        with contextlib.suppress(OSError, IndexError, ValueError):
            yield _read(pid)


def _read(pid: int) -> ProcessInfo:
    with open(f"/proc/{pid}/stat", "rb") as file:
        head, _, tail = file.read().rpartition(b")")
    words = [b"", b"", b"", *tail.split()]  # so that the numbers are those of proc(5)
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        command = file.read().rstrip(b"\0").split(b"\0")
    ids = _ids(pid)

    def number(place: int) -> int:
        return int(words[place])

    return ProcessInfo(
        pid=pid,
        parent=number(4),
        group=number(5),
        session=number(6),
        foreground=number(8),
        terminal=_terminal(number(7)),
        state=words[3].decode(),
        name=head.partition(b"(")[2].decode(errors="replace"),
        command=tuple(word.decode(errors="replace") for word in command if command != [b""]),
        uid=ids["Uid"],
        gid=ids["Gid"],
        threads=number(20),
        nice=number(19),
        priority=number(18),
        started=number(22) / _TICKS,
        cpu=(number(14) + number(15)) / _TICKS,
        virtual=number(23),
        resident=number(24) * _PAGE,
        processor=number(39),
    )


def _ids(pid: int) -> dict[str, int]:
    """Return the effective user and group id."""
    found = {}
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            name, _, values = line.partition(":")
            if name in ("Uid", "Gid"):
                found[name] = int(values.split()[1])
    return found


def _terminal(device: int) -> str:
    major, minor = os.major(device), os.minor(device)
    if _TERMINALS <= major < _TERMINALS + 8:
        return f"pts/{(major - _TERMINALS) * 256 + minor}"
    return "?"
