"""The engine's own ps: options to columns, processes to text."""

from __future__ import annotations

import pytest

from lab.engine import ps
from lab.errors import LabError
from lab.runtime.processes import ProcessInfo

MOMENT = ps.Moment(
    uptime=1000.0, now=1_700_000_000.0, memory=1 << 30, users={0: "root", 101: "systemd-network"}
)


def process(**members: object) -> ProcessInfo:
    known: dict[str, object] = {
        "pid": 7, "parent": 1, "group": 7, "session": 7, "foreground": 7, "terminal": "pts/0",
        "state": "S", "name": "nginx", "command": ("nginx", "-g"), "uid": 101, "gid": 0,
        "threads": 2, "nice": 0, "priority": 20, "started": 900.0, "cpu": 3725.0,
        "virtual": 4096 * 1024, "resident": 1 << 20, "processor": 1,
    }  # fmt: skip
    return ProcessInfo(**{**known, **members})  # type: ignore[arg-type]


def titles(options: str) -> str:
    return " ".join(column.title for column in ps.parse(options))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-ef", "UID PID PPID C STIME TTY TIME CMD"),
        ("aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
        ("-aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
        ("-e", "PID TTY TIME CMD"),
        ("ax", "PID TTY STAT TIME COMMAND"),
        ("-o pid,cmd", "PID CMD"),
        ("-eo pid,comm", "PID COMMAND"),
        ("-opid,rss -o user", "PID RSS USER"),
        ("axo pid,cmd", "PID CMD"),
        ("-o pid=NUMBER,args", "NUMBER COMMAND"),
        ("--format pid", "PID"),
        ("--format=pid,uid", "PID UID"),
    ],
)
def test_columns(options: str, expected: str) -> None:
    """Do the usual options give ps's columns?"""
    assert titles(options) == expected


@pytest.mark.parametrize("options", ["-Z", "--forest", "-o", "-o pid,nosuch"])
def test_what_is_not_known(options: str) -> None:
    """Is everything else refused, instead of answered wrongly?"""
    with pytest.raises(LabError, match="ps: error"):
        ps.parse(options)


def test_a_row() -> None:
    """Are names, shares, times and marks written as ps writes them?"""
    options = "-o user,pid,pcpu,pmem,vsz,rss,stat,time,etime,args"
    row = [column.show(process(), MOMENT) for column in ps.parse(options)]
    assert row == [
        "systemd+", "7", "99.9", "0.1", "4096", "1024", "Ssl+", "01:02:05", "01:40", "nginx -g",
    ]  # fmt: skip


def test_special_processes() -> None:
    """Are those without a command line, and those that have ended, shown by their names?"""
    (command,) = ps.parse("-o cmd")
    assert command.show(process(command=()), MOMENT) == "[nginx]"
    assert command.show(process(state="Z"), MOMENT) == "[nginx] <defunct>"
    assert ps.clock(90_000) == "1-01:00:00"
