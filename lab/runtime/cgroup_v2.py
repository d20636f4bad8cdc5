"""Control groups, version 2: one hierarchy for all controllers.

Source: kernel documentation, admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
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

_FREEZE_LIMIT, _PAUSE = 10.0, 0.002
_CPUSET = ("cpuset.cpus", "cpuset.mems")


class CgroupV2:
    """Implements CgroupManager below one folder, whose `cgroup.controllers` says what it may."""

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            self._controllers = set((root / "cgroup.subtree_control").read_text().split())
        except OSError:
            self._controllers = set()

    def supports(self, controller: str) -> bool:
        if controller == "freezer":
            # the sandbox's own group has the file, if the kernel has it at all
            return (self._root / "cgroup.freeze").exists()
        if controller == "swap":
            return "memory" in self._controllers and (self._root / "memory.swap.max").exists()
        if controller == "blkio":
            return "io" in self._controllers and (self._root / "io.weight").exists()
        return controller in self._controllers

    def create(self, name: str, limits: Limits) -> None:
        observed.mkdir(self._root / name)
        self.update(name, limits)

    def update(self, name: str, limits: Limits) -> None:
        folder = self._root / name
        if self.supports("memory"):
            _set_memory(folder, limits)
        if self.supports("pids"):
            observed.write(folder / "pids.max", str(limits.pids) if limits.pids > 0 else "max")
        if self.supports("cpu"):
            _set_cpu(folder, limits)
        for file, wanted in zip(_CPUSET, (limits.cpuset_cpus, limits.cpuset_mems), strict=True):
            if wanted and self.supports("cpuset"):
                observed.write(folder / file, wanted)
        if limits.blkio_weight and self.supports("blkio"):
            observed.write(folder / "io.weight", str(io_weight_of(limits.blkio_weight)))

    def join_files(self, name: str) -> list[str]:
        return [str(self._root / name / "cgroup.procs")]

    def sample(self, name: str) -> Sample:
        folder = self._root / name
        cpu = read_table(folder / "cpu.stat")
        events = read_table(folder / "memory.events")
        bytes_moved, operations = _blocks(folder / "io.stat")
        return Sample(
            memory_bytes=read_number(folder / "memory.current"),
            memory_limit=read_number(folder / "memory.max"),
            memory_stat=read_table(folder / "memory.stat"),
            memory_events=events,
            cpu_ns=_nanoseconds(cpu, "usage_usec"),
            cpu_user_ns=_nanoseconds(cpu, "user_usec"),
            cpu_system_ns=_nanoseconds(cpu, "system_usec"),
            periods=cpu.get("nr_periods"),
            throttled_periods=cpu.get("nr_throttled"),
            throttled_ns=_nanoseconds(cpu, "throttled_usec"),
            pids=read_number(folder / "pids.current"),
            pids_limit=read_number(folder / "pids.max"),
            oom_kills=events.get("oom_kill"),
            block_bytes=bytes_moved,
            block_operations=operations,
        )

    def oom_kills(self, name: str) -> int | None:
        return read_table(self._root / name / "memory.events").get("oom_kill")

    def processes(self, name: str) -> list[int]:
        with contextlib.suppress(OSError):
            text = (self._root / name / "cgroup.procs").read_text()
            return [int(pid) for pid in text.split()]
        return []

    def freeze(self, name: str, frozen: bool) -> None:
        """Freeze or thaw all processes of a group; OSError if the kernel does not within 10 s."""
        folder = self._root / name
        observed.write(folder / "cgroup.freeze", str(int(frozen)))
        end = time.monotonic() + _FREEZE_LIMIT
        while frozen and not read_table(folder / "cgroup.events").get("frozen"):
            if time.monotonic() > end:
                observed.write(folder / "cgroup.freeze", "0")
                raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            time.sleep(_PAUSE)

    def remove(self, name: str) -> None:
        remove_folder(self._root / name)


def weight_of(shares: int) -> int:
    """Translate version 1 shares (2 to 262144) to a version 2 weight (1 to 10000), as runc does."""
    return 1 + (min(max(shares, 2), 262144) - 2) * 9999 // 262142


def io_weight_of(weight: int) -> int:
    """Translate a version 1 block weight (10 to 1000) to a version 2 one (1 to 10000), as runc does."""
    return 1 + (min(max(weight, 10), 1000) - 10) * 9999 // 990


def _set_memory(folder: Path, limits: Limits) -> None:
    if limits.memory_reservation:
        observed.write(folder / "memory.low", str(limits.memory_reservation))
    if limits.memory:
        observed.write(folder / "memory.max", str(limits.memory))
        write_if_there(folder / "memory.swap.max", _swap_text(limits))


def _set_cpu(folder: Path, limits: Limits) -> None:
    quota, period = limits.bandwidth()
    observed.write(folder / "cpu.max", f"{'max' if quota < 0 else quota} {period}")
    if limits.cpu_shares:
        observed.write(folder / "cpu.weight", str(weight_of(limits.cpu_shares)))


def _swap_text(limits: Limits) -> str:
    if limits.memory_swap < 0:
        return "max"
    return str((limits.memory_swap or 2 * limits.memory) - limits.memory)


def _nanoseconds(table: dict[str, int], key: str) -> int | None:
    return table[key] * 1000 if key in table else None


def _blocks(path: Path) -> tuple[list[BlockIo], list[BlockIo]]:
    """Return the bytes and the operations of lines such as `8:0 rbytes=4096 wbytes=0 rios=1 ...`."""
    bytes_moved, operations = [], []
    for device, values in _devices(path):
        major, minor = map(int, device.split(":"))
        for name, key in (("read", "r"), ("write", "w")):
            bytes_moved.append(BlockIo(major, minor, name, values.get(f"{key}bytes", 0)))
            operations.append(BlockIo(major, minor, name, values.get(f"{key}ios", 0)))
    return bytes_moved, operations


def _devices(path: Path) -> Iterator[tuple[str, dict[str, int]]]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        device, *pairs = line.split()
        if pairs:
            split = (pair.partition("=") for pair in pairs)
            yield device, {key: int(value) for key, _, value in split if value.isdecimal()}
