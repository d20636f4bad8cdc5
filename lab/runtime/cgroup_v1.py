"""Control groups, version 1: one hierarchy per controller.

Its freezer is not used: a process frozen there cannot even be killed, so that nothing could end
the sandbox any more.

Source: kernel documentation, admin-guide/cgroup-v1/{memory,pids,cpusets,blkio-controller}.rst,
scheduler/sched-bwc.rst.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from lab.kernel import observed
from lab.runtime.cgroups import (
    BlockIo,
    Limits,
    Sample,
    read_number,
    read_table,
    remove_folder,
    write_if_there,
)

_UNLIMITED = 1 << 62
"""Version 1 shows "no memory limit" as a number beyond any memory."""
_TICK_NS = 10_000_000
"""cpuacct.stat counts hundredths of a second."""
_ON_DEMAND = "cpuset"
"""The hierarchy in which only containers have a group that ask for something there."""


class CgroupV1:
    """Implements CgroupManager on the sandbox's folders of the version 1 hierarchies."""

    def __init__(self, roots: Mapping[str, Path]) -> None:
        self._roots = {name: path for name, path in roots.items() if name != _ON_DEMAND}
        self._cpuset = roots.get(_ON_DEMAND)

    def supports(self, controller: str) -> bool:
        if controller == "swap":
            return "memory" in self._roots and self._has("memory", "memory.memsw.limit_in_bytes")
        if controller == "oom_kill_disable":
            return "memory" in self._roots
        if controller == "blkio":
            return "blkio" in self._roots and self._has("blkio", "blkio.weight")
        if controller == "cpuset":
            return self._cpuset is not None
        return controller in self._roots

    def create(self, name: str, limits: Limits) -> None:
        for root in self._folders():
            observed.mkdir(root / name)
        if self._cpuset is not None and (limits.cpuset_cpus or limits.cpuset_mems):
            observed.mkdir(self._cpuset / name)
        self.update(name, limits)

    def update(self, name: str, limits: Limits) -> None:
        if "memory" in self._roots:
            _set_memory(self._roots["memory"] / name, limits)
        if "pids" in self._roots:
            text = str(limits.pids) if limits.pids > 0 else "max"
            observed.write(self._roots["pids"] / name / "pids.max", text)
        if "cpu" in self._roots:
            _set_cpu(self._roots["cpu"] / name, limits)
        if self._cpuset is not None and (self._cpuset / name).exists():
            _set_cpuset(self._cpuset / name, self._cpuset, limits)
        if limits.blkio_weight and self.supports("blkio"):
            observed.write(self._roots["blkio"] / name / "blkio.weight", str(limits.blkio_weight))

    def join_files(self, name: str) -> list[str]:
        files = [str(root / name / "tasks") for root in self._folders()]
        if self._cpuset is not None and (self._cpuset / name).exists():
            files.append(str(self._cpuset / name / "tasks"))
        return files

    def sample(self, name: str) -> Sample:
        memory, blocks = self._folder("memory", name), self._folder("blkio", name)
        accounts, pids = self._folder("cpuacct", name), self._folder("pids", name)
        cpu = read_table(self._folder("cpu", name) / "cpu.stat")
        times = read_table(accounts / "cpuacct.stat")
        limit = read_number(memory / "memory.limit_in_bytes")
        control = read_table(memory / "memory.oom_control")
        return Sample(
            memory_bytes=read_number(memory / "memory.usage_in_bytes"),
            memory_limit=None if limit is None or limit >= _UNLIMITED else limit,
            memory_stat=read_table(memory / "memory.stat"),
            memory_peak=read_number(memory / "memory.max_usage_in_bytes"),
            cpu_ns=read_number(accounts / "cpuacct.usage"),
            cpu_user_ns=times["user"] * _TICK_NS if "user" in times else None,
            cpu_system_ns=times["system"] * _TICK_NS if "system" in times else None,
            cpus_ns=_numbers(accounts / "cpuacct.usage_percpu"),
            periods=cpu.get("nr_periods"),
            throttled_periods=cpu.get("nr_throttled"),
            throttled_ns=cpu.get("throttled_time"),
            pids=read_number(pids / "pids.current"),
            pids_limit=read_number(pids / "pids.max"),
            oom_kills=control.get("oom_kill"),
            memory_events=_memory_events(memory, control),
            block_bytes=_blocks(blocks / "blkio.throttle.io_service_bytes_recursive"),
            block_operations=_blocks(blocks / "blkio.throttle.io_serviced_recursive"),
        )

    def oom_kills(self, name: str) -> int | None:
        control = self._folder("memory", name) / "memory.oom_control"
        return read_table(control).get("oom_kill")

    def processes(self, name: str) -> list[int]:
        for root in self._folders():
            with contextlib.suppress(OSError):
                return [int(pid) for pid in (root / name / "cgroup.procs").read_text().split()]
        return []

    def freeze(self, name: str, frozen: bool) -> None:
        """Never asked for: `supports("freezer")` is false, since what is frozen cannot be killed."""
        raise AssertionError("version 1 has no freezer that is used here")

    def remove(self, name: str) -> None:
        for root in self._folders():
            remove_folder(root / name)
        if self._cpuset is not None:
            remove_folder(self._cpuset / name)

    def _folders(self) -> list[Path]:
        """The sandbox's folders, once each: `cpu` and `cpuacct` may share a hierarchy."""
        return list(dict.fromkeys(self._roots.values()))

    def _folder(self, controller: str, name: str) -> Path:
        return self._roots.get(controller, Path("/nonexistent")) / name

    def _has(self, controller: str, file: str) -> bool:
        return (self._roots[controller] / file).exists()


def _memory_events(memory: Path, control: Mapping[str, int]) -> dict[str, int]:
    """Return what version 2 calls `max` and `oom_kill`: how often the limit was met, and killed."""
    met = read_number(memory / "memory.failcnt")
    events = {"max": met, "oom_kill": control.get("oom_kill")}
    return {name: count for name, count in events.items() if count is not None}


def _set_memory(folder: Path, limits: Limits) -> None:
    if limits.memory_reservation:
        file = folder / "memory.soft_limit_in_bytes"
        write_if_there(file, str(limits.memory_reservation))
    if limits.oom_kill_disable:
        observed.write(folder / "memory.oom_control", "1")
    if not limits.memory:
        return
    plain, with_swap = folder / "memory.limit_in_bytes", folder / "memory.memsw.limit_in_bytes"
    total = limits.memory_swap or 2 * limits.memory
    # the kernel keeps memory <= memory + swap at every moment, so raise the sum first
    current = read_number(with_swap)
    steps = [(plain, limits.memory), (with_swap, total)]
    if current is not None and current < limits.memory:
        steps.reverse()
    for file, value in steps:
        write_if_there(file, str(value))


def _set_cpu(folder: Path, limits: Limits) -> None:
    quota, period = limits.bandwidth()
    if (folder / "cpu.cfs_quota_us").exists():
        observed.write(folder / "cpu.cfs_period_us", str(period))
        observed.write(folder / "cpu.cfs_quota_us", str(quota))
    if limits.cpu_shares:
        observed.write(folder / "cpu.shares", str(limits.cpu_shares))


def _set_cpuset(folder: Path, parent: Path, limits: Limits) -> None:
    # a group without processors or memory nodes takes nobody in
    for file, wanted in (("cpuset.cpus", limits.cpuset_cpus), ("cpuset.mems", limits.cpuset_mems)):
        observed.write(folder / file, wanted or (parent / file).read_text().strip())


def _numbers(path: Path) -> tuple[int, ...]:
    try:
        return tuple(map(int, path.read_text().split()))
    except (OSError, ValueError):
        return ()


def _blocks(path: Path) -> list[BlockIo]:
    """Return lines such as `8:0 Read 4096`; the sum of all devices is left out."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return []
    found = []
    for words in lines:
        if len(words) == 3:
            major, _, minor = words[0].partition(":")
            found.append(BlockIo(int(major), int(minor), words[1], int(words[2])))
    return found
