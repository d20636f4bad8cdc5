"""Whether limits of memory, processor time and number of processes hold, found out by breaking them.

The folders are made where the launcher makes a sandbox's, and by the same code.  Only
single-threaded processes may call this.  Source: cgroups(7); kernel documentation, cgroup-v1 and
admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.kernel import probe, procfs
from lab.sandbox import cgroup_tree
from lab.sandbox.probes import Step

LIMITED = ("memory", "cpu", "pids")
"""The controllers that containers' limits need."""

_LIMIT = 4.0
_MEMORY, _USED = 8 << 20, 48 << 20
_PIDS = 4
_PERIOD, _QUOTA = 100_000, 5_000
_BURN_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Controller:
    """A controller as this place has it.

    `version` is 1, 2, or 0 for none; `writable` says whether this user may make groups with it;
    `limit` is what became of a limit that was set and then exceeded.
    """

    version: int
    writable: bool
    limit: Step


def try_cgroups() -> dict[str, Controller]:
    """Make a sandbox's groups, set limits in them, exceed them, and remove everything."""
    versions = _versions()
    tree = cgroup_tree.create()
    try:
        return {name: _try(name, versions.get(name, 0), tree.hierarchies) for name in LIMITED}
    finally:
        tree.remove()


def _versions() -> dict[str, int]:
    """Return which version of the interface has each controller here."""
    found: dict[str, int] = {}
    for mount in procfs.mounts():
        if mount.fstype == "cgroup":
            found.update(dict.fromkeys(mount.super_options.split(","), 1))
        elif mount.fstype == "cgroup2":
            with contextlib.suppress(OSError):
                text = (Path(mount.mount_point) / "cgroup.controllers").read_text()
                found = {**dict.fromkeys(text.split(), 2), **found}
    return found


def _try(name: str, version: int, hierarchies: dict[str, str]) -> Controller:
    parent = hierarchies.get(name) or hierarchies.get("unified")
    if parent is None or version == 0:
        return Controller(version, False, Step("not tried"))
    group = Path(parent) / f"trial-{name}"
    exceed = {"memory": _exceed_memory, "cpu": _exceed_cpu, "pids": _exceed_pids}[name]
    try:
        group.mkdir()
        try:
            return Controller(version, True, Step(exceed(group, "unified" in hierarchies)))
        finally:
            cgroup_tree.remove_tree(group)
    except OSError as error:
        return Controller(version, True, Step(probe.refusal_of(error)))


def _exceed_memory(group: Path, unified: bool) -> str:
    """Use more memory than allowed; the kernel must end whoever does."""
    if unified:
        _write(group / "memory.max", _MEMORY)
        _write(group / "memory.swap.max", 0, optional=True)
    else:
        _write(group / "memory.limit_in_bytes", _MEMORY)
        _write(group / "memory.memsw.limit_in_bytes", _MEMORY, optional=True)

    def use() -> None:
        pages = mmap.mmap(-1, _USED, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for offset in range(0, _USED, mmap.PAGESIZE):
            pages[offset] = 1

    outcome = probe.attempt(lambda _: _inside(group, unified, use), _LIMIT)
    if outcome.signal == signal.SIGKILL:
        return ""
    return outcome.refusal or "a process used more memory than its limit and went on"


def _exceed_pids(group: Path, unified: bool) -> str:
    """Start more processes than allowed; the one too many must be refused."""
    _write(group / "pids.max", _PIDS)

    def use() -> None:
        for _ in range(_PIDS + 1):
            pid = os.fork()
            if pid == 0:
                # none of them outlives the trial, even if nobody ends it
                signal.alarm(int(_LIMIT))
                signal.pause()
        raise OSError("more processes than the limit could be started")

    def refused() -> None:
        try:
            use()
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise

    outcome = probe.attempt(lambda _: _inside(group, unified, refused), _LIMIT)
    _end_all(group)
    return outcome.refusal


def _exceed_cpu(group: Path, unified: bool) -> str:
    """Use more processor time than allowed; the kernel must have slowed that down."""
    if unified:
        (group / "cpu.max").write_text(f"{_QUOTA} {_PERIOD}")
    else:
        _write(group / "cpu.cfs_period_us", _PERIOD)
        _write(group / "cpu.cfs_quota_us", _QUOTA)

    def use() -> None:
        end = time.monotonic() + _BURN_SECONDS
        while time.monotonic() < end:
            pass

    outcome = probe.attempt(lambda _: _inside(group, unified, use), _LIMIT)
    if outcome.refusal:
        return outcome.refusal
    counted = (group / "cpu.stat").read_text().split()
    slowed = int(counted[counted.index("nr_throttled") + 1])
    return "" if slowed else "a process used more processor time than its limit"


def _inside(group: Path, unified: bool, action: Callable[[], None]) -> None:
    (group / ("cgroup.procs" if unified else "tasks")).write_text("0")
    action()


def _end_all(group: Path) -> None:
    for pid in map(int, (group / "cgroup.procs").read_text().split()):
        # 0 stands for one of another pid namespace, and would mean ourselves to kill(2)
        if pid > 0:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _write(path: Path, value: int, optional: bool = False) -> None:
    if path.exists() or not optional:
        path.write_text(str(value))
