"""Control groups, version 2: one hierarchy for all controllers.

Source: kernel documentation, admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from lab.kernel import observed
from lab.runtime.cgroups import Limits, Sample, read_number, read_table, remove_folder

_PERIOD_US = 100_000


class CgroupV2:
    """Implements CgroupManager below one folder, whose `cgroup.controllers` says what it may."""

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            self._controllers = set((root / "cgroup.subtree_control").read_text().split())
        except OSError:
            self._controllers = set()

    def supports(self, controller: str) -> bool:
        return controller in self._controllers

    def create(self, name: str, limits: Limits) -> None:
        observed.mkdir(self._root / name)
        self.update(name, limits)

    def update(self, name: str, limits: Limits) -> None:
        folder = self._root / name
        if self.supports("memory") and limits.memory:
            observed.write(folder / "memory.max", str(limits.memory))
            swap = folder / "memory.swap.max"
            if swap.exists():
                observed.write(swap, _swap_text(limits))
        if self.supports("pids"):
            observed.write(folder / "pids.max", str(limits.pids) if limits.pids > 0 else "max")
        if self.supports("cpu"):
            observed.write(folder / "cpu.max", _cpu_text(limits))
            if limits.cpu_shares:
                observed.write(folder / "cpu.weight", str(weight_of(limits.cpu_shares)))

    def join_files(self, name: str) -> list[str]:
        return [str(self._root / name / "cgroup.procs")]

    def sample(self, name: str) -> Sample:
        folder = self._root / name
        cpu = read_table(folder / "cpu.stat")
        throttled = cpu.get("throttled_usec")
        events = read_table(folder / "memory.events")
        return Sample(
            memory_bytes=read_number(folder / "memory.current"),
            memory_limit=read_number(folder / "memory.max"),
            memory_stat=read_table(folder / "memory.stat"),
            cpu_ns=cpu["usage_usec"] * 1000 if "usage_usec" in cpu else None,
            throttled_periods=cpu.get("nr_throttled"),
            throttled_ns=None if throttled is None else throttled * 1000,
            pids=read_number(folder / "pids.current"),
            oom_kills=events.get("oom_kill"),
            pids_limit=read_number(folder / "pids.max"),
            memory_events=events,
        )

    def processes(self, name: str) -> list[int]:
        with contextlib.suppress(OSError):
            text = (self._root / name / "cgroup.procs").read_text()
            return [int(pid) for pid in text.split()]
        return []

    def remove(self, name: str) -> None:
        remove_folder(self._root / name)


def weight_of(shares: int) -> int:
    """Translate version 1 shares (2 to 262144) to a version 2 weight (1 to 10000), as runc does."""
    return 1 + (min(max(shares, 2), 262144) - 2) * 9999 // 262142


def _swap_text(limits: Limits) -> str:
    if limits.memory_swap < 0:
        return "max"
    return str((limits.memory_swap or 2 * limits.memory) - limits.memory)


def _cpu_text(limits: Limits) -> str:
    if not limits.nano_cpus:
        return f"max {_PERIOD_US}"
    return f"{limits.nano_cpus * _PERIOD_US // 1_000_000_000} {_PERIOD_US}"
