"""Control groups: limits of what a container may use, and samples of what it does use.

The launcher makes one folder per hierarchy for the whole sandbox, outside of it; the engine makes
one below it for each container.  Two kernels' interfaces do the same things, so both stand behind
one protocol, and one suite of tests runs on both.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lab.kernel import observed

PERIOD_US = 100_000
"""Microseconds of which a quota of processor time is a part, unless a container says otherwise."""

_ATTEMPTS, _PAUSE = 50, 0.01


@dataclass(frozen=True, slots=True)
class Limits:
    """What a container may use; 0 means no limit of its own.

    `memory` and `memory_swap` (memory plus swap; -1 unlimited) are bytes; `pids` is a number of
    processes; `nano_cpus` are billionths of one processor, `cpu_quota` microseconds of processor
    time in each `cpu_period` (microseconds too); `cpu_shares` is a weight; `cpuset_cpus` and
    `cpuset_mems` name processors and memory nodes (`0-1`); `memory_reservation` is what is
    left to the group when memory is short, in bytes.
    """

    memory: int = 0
    memory_swap: int = 0
    pids: int = 0
    nano_cpus: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    memory_reservation: int = 0
    oom_kill_disable: bool = False
    blkio_weight: int = 0

    def bandwidth(self) -> tuple[int, int]:
        """Return the quota and the period of processor time, in microseconds; quota -1: no limit."""
        if self.nano_cpus:
            return self.nano_cpus * PERIOD_US // 1_000_000_000, PERIOD_US
        return self.cpu_quota or -1, self.cpu_period or PERIOD_US


@dataclass(frozen=True, slots=True)
class BlockIo:
    """What a control group has moved to or from one device; `operation` is `read`, `write`, ..."""

    major: int
    minor: int
    operation: str
    value: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What a control group uses now.  Bytes, nanoseconds, numbers; None where not counted here.

    `block_bytes` and `block_operations` count block devices' traffic; `pids_limit` and
    `memory_limit` are None where there is no limit.
    """

    memory_bytes: int | None = None
    memory_limit: int | None = None
    memory_stat: Mapping[str, int] = field(default_factory=dict)
    cpu_ns: int | None = None
    throttled_periods: int | None = None
    throttled_ns: int | None = None
    pids: int | None = None
    oom_kills: int | None = None
    cpu_user_ns: int | None = None
    cpu_system_ns: int | None = None
    cpus_ns: Sequence[int] = ()
    periods: int | None = None
    memory_peak: int | None = None
    memory_events: Mapping[str, int] = field(default_factory=dict)
    pids_limit: int | None = None
    block_bytes: Sequence[BlockIo] = ()
    block_operations: Sequence[BlockIo] = ()


class CgroupManager(Protocol):
    """Makes, limits, reads and removes the control groups of containers.

    `create` before the first process, `join_files` handed to the setup process, `remove` after
    the last process is gone.  `supports` says which of the limits `memory`, `swap`, `pids`, `cpu`,
    `cpuset`, `blkio`, `oom_kill_disable` exist here, and whether there is a `freezer` that lets
    frozen processes be killed;
    a limit that is not supported is left out by `create` (the caller has warned, as Docker does).
    """

    def supports(self, controller: str) -> bool: ...
    def create(self, name: str, limits: Limits) -> None: ...
    def update(self, name: str, limits: Limits) -> None: ...
    def join_files(self, name: str) -> list[str]: ...
    def sample(self, name: str) -> Sample: ...
    def oom_kills(self, name: str) -> int | None: ...
    def processes(self, name: str) -> list[int]: ...
    def freeze(self, name: str, frozen: bool) -> None: ...
    def remove(self, name: str) -> None: ...


class NoCgroups:
    """The manager of a place whose host hands out no control groups: every limit is discarded."""

    def supports(self, controller: str) -> bool:
        return False

    def create(self, name: str, limits: Limits) -> None:
        return

    def update(self, name: str, limits: Limits) -> None:
        return

    def join_files(self, name: str) -> list[str]:
        return []

    def sample(self, name: str) -> Sample:
        return Sample()

    def oom_kills(self, name: str) -> int | None:
        return None

    def processes(self, name: str) -> list[int]:
        return []

    def freeze(self, name: str, frozen: bool) -> None:
        return

    def remove(self, name: str) -> None:
        return


def manager(hierarchies: Mapping[str, str]) -> CgroupManager:
    """Return the manager for what the launcher could make.

    `hierarchies` maps a controller (`memory`, `pids`, `cpu`, ...) to the sandbox's folder
    in its version 1 hierarchy; the key `unified` names the one of version 2; empty means none.
    """
    from lab.runtime.cgroup_v1 import CgroupV1
    from lab.runtime.cgroup_v2 import CgroupV2

    if "unified" in hierarchies:
        return CgroupV2(Path(hierarchies["unified"]))
    if hierarchies:
        return CgroupV1({name: Path(path) for name, path in hierarchies.items()})
    return NoCgroups()


def remove_folder(folder: Path) -> None:
    """Remove the control group at `folder`; absence is no error.

    The kernel may take a moment to let go of the last process.  A group that it does not let go
    of stays, and goes with the sandbox's own.
    """
    for _ in range(_ATTEMPTS):
        try:
            observed.rmdir(folder)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(_PAUSE)
        else:
            return


def read_number(path: Path) -> int | None:
    """Return the number in a control file; None if the file is absent or says `max`."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.lstrip("-").isdecimal() else None


def read_table(path: Path) -> dict[str, int]:
    """Return the `name value` lines of a control file; empty if it is absent."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def write_if_there(path: Path, text: str) -> None:
    """Write a control file that not every kernel has."""
    if path.exists():
        observed.write(path, text)
