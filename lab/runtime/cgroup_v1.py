"""Control groups, version 1: one hierarchy per controller.

Source: kernel documentation, admin-guide/cgroup-v1/{memory,pids}.rst, scheduler/sched-bwc.rst.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from lab.kernel import observed
from lab.runtime.cgroups import Limits, Sample, read_number, read_table, remove_folder

_PERIOD_US = 100_000
_UNLIMITED = 1 << 62
"""Version 1 shows "no memory limit" as a number beyond any memory."""


class CgroupV1:
    """Implements CgroupManager on the sandbox's folders of the version 1 hierarchies."""

    def __init__(self, roots: Mapping[str, Path]) -> None:
        self._roots = dict(roots)

    def supports(self, controller: str) -> bool:
        return controller in self._roots

    def create(self, name: str, limits: Limits) -> None:
        for root in self._folders():
            observed.mkdir(root / name)
        self.update(name, limits)

    def update(self, name: str, limits: Limits) -> None:
        if "memory" in self._roots and limits.memory:
            _set_memory(self._roots["memory"] / name, limits)
        if "pids" in self._roots:
            text = str(limits.pids) if limits.pids > 0 else "max"
            observed.write(self._roots["pids"] / name / "pids.max", text)
        if "cpu" in self._roots:
            _set_cpu(self._roots["cpu"] / name, limits)

    def join_files(self, name: str) -> list[str]:
        return [str(root / name / "tasks") for root in self._folders()]

    def sample(self, name: str) -> Sample:
        memory = self._folder("memory", name)
        cpu = read_table(self._folder("cpu", name) / "cpu.stat")
        limit = read_number(memory / "memory.limit_in_bytes")
        control = read_table(memory / "memory.oom_control")
        return Sample(
            memory_bytes=read_number(memory / "memory.usage_in_bytes"),
            memory_limit=None if limit is None or limit >= _UNLIMITED else limit,
            memory_stat=read_table(memory / "memory.stat"),
            cpu_ns=read_number(self._folder("cpuacct", name) / "cpuacct.usage"),
            throttled_periods=cpu.get("nr_throttled"),
            throttled_ns=cpu.get("throttled_time"),
            pids=read_number(self._folder("pids", name) / "pids.current"),
            oom_kills=control.get("oom_kill"),
            pids_limit=read_number(self._folder("pids", name) / "pids.max"),
            memory_events=_memory_events(memory, control),
        )

    def processes(self, name: str) -> list[int]:
        for root in self._folders():
            with contextlib.suppress(OSError):
                return [int(pid) for pid in (root / name / "cgroup.procs").read_text().split()]
        return []

    def remove(self, name: str) -> None:
        for root in self._folders():
            remove_folder(root / name)

    def _folders(self) -> list[Path]:
        """The sandbox's folders, once each: `cpu` and `cpuacct` may share a hierarchy."""
        return list(dict.fromkeys(self._roots.values()))

    def _folder(self, controller: str, name: str) -> Path:
        return self._roots.get(controller, Path("/nonexistent")) / name


def _memory_events(memory: Path, control: Mapping[str, int]) -> dict[str, int]:
    """Return what version 2 calls `max` and `oom_kill`: how often the limit was met, and killed."""
    met = read_number(memory / "memory.failcnt")
    events = {"max": met, "oom_kill": control.get("oom_kill")}
    return {name: count for name, count in events.items() if count is not None}


def _set_memory(folder: Path, limits: Limits) -> None:
    plain, with_swap = folder / "memory.limit_in_bytes", folder / "memory.memsw.limit_in_bytes"
    total = limits.memory_swap or 2 * limits.memory
    # the kernel keeps memory <= memory + swap at every moment, so raise the sum first
    current = read_number(with_swap)
    steps = [(plain, limits.memory), (with_swap, total)]
    if current is not None and current < limits.memory:
        steps.reverse()
    for file, value in steps:
        if file.exists():
            observed.write(file, str(value))


def _set_cpu(folder: Path, limits: Limits) -> None:
    quota = limits.nano_cpus * _PERIOD_US // 1_000_000_000 if limits.nano_cpus else -1
    if (folder / "cpu.cfs_quota_us").exists():
        observed.write(folder / "cpu.cfs_period_us", str(_PERIOD_US))
        observed.write(folder / "cpu.cfs_quota_us", str(quota))
    if limits.cpu_shares:
        observed.write(folder / "cpu.shares", str(limits.cpu_shares))
