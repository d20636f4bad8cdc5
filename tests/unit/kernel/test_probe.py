"""Attempts in child processes: what they tell, how they fail, and that they leave nothing."""

from __future__ import annotations

import errno
import os
import signal
import time

import pytest

from lab.errors import SyscallError
from lab.kernel import kvm, probe
from lab.kernel.flags import CLONE


def test_tells_what_it_found() -> None:
    """Does the parent learn what the child told, in several parts?"""

    def action(report: probe.Report) -> None:
        report({"a": 1})
        report({"b": os.getpid()})

    outcome = probe.attempt(action, 5)
    assert outcome.worked
    assert outcome.told["a"] == 1
    assert outcome.told["b"] != os.getpid()


def test_refusal_is_told_in_few_words() -> None:
    """Is a refused system call told by its name and the kernel's reason?"""

    def action(report: probe.Report) -> None:
        report({"before": True})
        raise SyscallError(errno.EPERM, "mount(source='a', target='b')")

    outcome = probe.attempt(action, 5)
    assert outcome.refusal == "mount: Operation not permitted"
    assert outcome.told == {"before": True}


def test_refusal_names_the_file() -> None:
    """Is a file that could not be opened named?"""
    outcome = probe.attempt(lambda _: os.close(os.open("/nowhere/at/all", os.O_RDONLY)), 5)
    assert outcome.refusal == "/nowhere/at/all: No such file or directory"


def test_child_that_hangs_is_given_up() -> None:
    """Does a child that takes too long cost no more than the limit, and is it ended?"""
    began = time.monotonic()

    def action(report: probe.Report) -> None:
        report({"pid": os.getpid()})
        signal.pause()

    outcome = probe.attempt(action, 0.2)
    assert time.monotonic() - began < 2
    assert outcome.refusal == "no answer within 0.2 seconds"
    assert not os.path.exists(f"/proc/{outcome.told['pid']}")


def test_end_by_a_signal_is_told() -> None:
    """Is it told which signal ended the child?"""
    outcome = probe.attempt(lambda _: os.kill(os.getpid(), signal.SIGKILL), 5)
    assert outcome.signal == signal.SIGKILL
    assert outcome.refusal == "ended by signal 9"


def test_refused_preparation_ends_the_child() -> None:
    """When what is to be done outside is refused, does the action not run at all?"""
    pids = []

    def prepare(pid: int) -> None:
        pids.append(pid)
        raise OSError(errno.EACCES, "Permission denied", "/proc/x")

    outcome = probe.attempt(lambda report: report({"ran": True}), 5, prepare=prepare)
    assert outcome.refusal == "/proc/x: Permission denied"
    assert outcome.told == {}
    assert not os.path.exists(f"/proc/{pids[0]}")


def test_flags_that_no_kernel_knows_are_a_refusal() -> None:
    """Is a clone that the kernel refuses told, not raised?"""
    # a new mount namespace cannot share the file system's state with its parent (CLONE_FS)
    outcome = probe.attempt(lambda _: None, 5, CLONE.NEWNS | CLONE(0x200))
    assert outcome.refusal == "clone: Invalid argument"


def test_no_descriptor_is_left_open() -> None:
    """Do attempts, whatever becomes of them, leave no descriptor open?"""
    before = len(os.listdir("/proc/self/fd"))
    probe.attempt(lambda _: None, 5)
    probe.attempt(lambda _: None, 5, CLONE.NEWNS | CLONE(0x200))
    probe.attempt(lambda _: os.kill(os.getpid(), signal.SIGKILL), 5)
    assert len(os.listdir("/proc/self/fd")) == before


def test_kvm_device_that_is_absent_or_something_else() -> None:
    """Is it told why there is no virtualization, and is any device that is none found out?"""
    assert kvm.refusal(device="/nowhere") == "/nowhere: No such file or directory"
    assert "ioctl" in kvm.refusal(device="/dev/null")


def test_kvm_device_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Does a device that cannot be opened within the limit count as absent?"""
    monkeypatch.setattr(os, "open", lambda *_: signal.pause())
    began = time.monotonic()
    assert kvm.refusal(0.3) == "no answer within 0.3 seconds"
    assert time.monotonic() - began < 2
