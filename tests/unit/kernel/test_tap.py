"""Listening to system calls: what the wrappers tell, and that silence costs nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import SyscallError
from lab.kernel import observed, syscalls
from lab.kernel.flags import CLONE, MS, PR
from lab.kernel.tap import shown, tap


@pytest.fixture
def heard() -> Iterator[list[tuple[Any, ...]]]:
    """What a listener is told: name, arguments, result, errno."""
    calls: list[tuple[Any, ...]] = []
    tap.listener = lambda name, arguments, result, error, at_ns: calls.append(
        (name, dict(arguments), result, error)
    )
    yield calls
    tap.listener = None


def test_success_and_refusal(heard: list[tuple[Any, ...]]) -> None:
    """Are a call that succeeds and one that is refused told with arguments and errno?"""
    syscalls.prctl(PR.SET_DUMPABLE, 1)
    with pytest.raises(SyscallError) as refused:
        syscalls.mount("nothing", "/nowhere/at/all", "tmpfs", MS.NODEV | MS.RDONLY)
    assert refused.value.errno == errno.ENOENT
    assert heard[0] == ("prctl", {"option": PR.SET_DUMPABLE, "argument": 1}, 0, 0)
    name, arguments, result, error = heard[1]
    assert (name, result, error) == ("mount", -1, errno.ENOENT)
    assert arguments["target"] == "/nowhere/at/all"
    assert "data" not in arguments


def test_python_s_own_calls(heard: list[tuple[Any, ...]], tmp_path: Path) -> None:
    """Do the wrappers of Python's own functions do their work, tell of it, and raise as those do?"""
    group = tmp_path / "group"
    observed.mkdir(group)
    observed.mkdir(group)
    observed.write(group / "limit", "12")
    assert (group / "limit").read_text() == "12"
    os.unlink(group / "limit")
    observed.rmdir(group)
    assert not group.exists()
    with pytest.raises(FileNotFoundError):
        observed.rmdir(group)
    with pytest.raises(FileNotFoundError):
        observed.execve("/nowhere", ["nowhere"], {})
    told = [(name, result, error) for name, _, result, error in heard]
    assert told == [
        ("mkdir", 0, 0),
        ("mkdir", -1, errno.EEXIST),
        ("write", 2, 0),
        ("rmdir", 0, 0),
        ("rmdir", -1, errno.ENOENT),
        ("execve", None, 0),
        ("execve", -1, errno.ENOENT),
    ]


def test_fork_is_told_once(heard: list[tuple[Any, ...]]) -> None:
    """Is a fork told by the parent alone, with the child's pid?"""
    pid = observed.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert heard == [("clone", {"flags": 0, "signal": "SIGCHLD"}, pid, 0)]


def test_nothing_without_a_listener() -> None:
    """Does a call without a listener go its way?"""
    assert tap.listener is None
    assert syscalls.prctl(PR.SET_DUMPABLE, 1) == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (CLONE.NEWNS | CLONE.NEWPID, "CLONE_NEWNS|CLONE_NEWPID"),
        (MS(0), 0),
        (CLONE(1 << 40) | CLONE.NEWNET, f"CLONE_NEWNET|{hex(1 << 40)}"),
        (7, 7),
        (b"proc", "proc"),
        ("x" * 1000, "x" * 600 + "..."),
        (PR.SET_DUMPABLE, "PR_SET_DUMPABLE"),
        (PR.SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"),
    ],
)
def test_arguments_as_in_the_manual(value: object, text: object) -> None:
    """Are flags, numbers and texts shown as the manual writes them?"""
    assert shown(value) == text
