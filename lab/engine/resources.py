"""What a container may use, as clients ask for it: checked, and taken away where it cannot be had.

Source: Docker Engine API, HostConfig; the rules and their wording are Docker's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.fields import Json
from lab.runtime.cgroups import Limits

MINIMUM_MEMORY = 6 << 20
"""Bytes; Docker refuses a smaller limit."""

Supports = Callable[[str], bool]
"""Whether a controller (see lab.runtime.cgroups.CgroupManager) limits here."""

_ABSENT = "Your kernel does not support {} or the cgroup is not mounted. {}"
_DISCARDED: Sequence[tuple[str, tuple[str, ...], Json, str]] = (
    (
        "memory",
        ("Memory",),
        {"Memory": 0, "MemorySwap": -1},
        _ABSENT.format("memory limit capabilities", "Limitation discarded."),
    ),
    (
        "memory",
        ("MemoryReservation",),
        {"MemoryReservation": 0},
        _ABSENT.format("memory soft limit capabilities", "Limitation discarded."),
    ),
    (
        "oom_kill_disable",
        ("OomKillDisable",),
        {"OomKillDisable": None},
        "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
    ),
    (
        "pids",
        ("PidsLimit",),
        {"PidsLimit": None},
        _ABSENT.format("PIDs limit capabilities", "PIDs limit discarded."),
    ),
    (
        "cpu",
        ("NanoCpus",),
        {"NanoCpus": 0},
        _ABSENT.format("CPU cfs quota/period", "Quota and period discarded."),
    ),
    (
        "cpu",
        ("CpuShares",),
        {"CpuShares": 0},
        _ABSENT.format("CPU shares", "Shares discarded."),
    ),
    (
        "cpu",
        ("CpuPeriod", "CpuQuota"),
        {"CpuPeriod": 0, "CpuQuota": 0},
        "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
    ),
    (
        "cpuset",
        ("CpusetCpus", "CpusetMems"),
        {"CpusetCpus": "", "CpusetMems": ""},
        "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.",
    ),
    (
        "swappiness",
        ("MemorySwappiness",),
        {"MemorySwappiness": None},
        _ABSENT.format("memory swappiness capabilities", "Memory swappiness discarded."),
    ),
    (
        "blkio",
        ("BlkioWeight",),
        {"BlkioWeight": 0},
        _ABSENT.format("Block I/O weight", "Weight discarded."),
    ),
    (
        "device_weight",
        ("BlkioWeightDevice",),
        {"BlkioWeightDevice": []},
        _ABSENT.format("Block I/O weight_device", "Weight-device discarded."),
    ),
    (
        "device_limit",
        ("BlkioDeviceReadBps",),
        {"BlkioDeviceReadBps": []},
        _ABSENT.format("BPS Block I/O read limit", "Block I/O BPS read limit discarded."),
    ),
    (
        "device_limit",
        ("BlkioDeviceWriteBps",),
        {"BlkioDeviceWriteBps": []},
        _ABSENT.format("BPS Block I/O write limit", "Block I/O BPS write limit discarded."),
    ),
    (
        "device_limit",
        ("BlkioDeviceReadIOps",),
        {"BlkioDeviceReadIOps": []},
        _ABSENT.format("IOPS Block read limit", "Block I/O IOPS read limit discarded."),
    ),
    (
        "device_limit",
        ("BlkioDeviceWriteIOps",),
        {"BlkioDeviceWriteIOps": []},
        _ABSENT.format("IOPS Block write limit", "Block I/O IOPS write limit discarded."),
    ),
)
"""Controller, members of HostConfig that need it, what they become without it, and the warning.

Docker refuses NanoCpus where there is no scheduler for it; learners would then miss every example
with `--cpus` on hosts that lend no control groups, so here it is discarded like the others.
"""
_PAIRS = (
    ("NanoCpus", "CpuPeriod", "Conflicting options: Nano CPUs and CPU Period cannot both be set"),
    ("NanoCpus", "CpuQuota", "Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
)
_CPU_LIST = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")


def parse_limits(host: Json) -> Limits:
    """Return the limits that HostConfig asks for; InvalidParameter for wrong types."""
    return Limits(
        memory=fields.integer(host, "Memory"),
        memory_swap=fields.integer(host, "MemorySwap"),
        pids=max(fields.integer(host, "PidsLimit"), 0),
        nano_cpus=fields.integer(host, "NanoCpus"),
        cpu_shares=fields.integer(host, "CpuShares"),
        cpu_period=fields.integer(host, "CpuPeriod"),
        cpu_quota=fields.integer(host, "CpuQuota"),
        cpuset_cpus=fields.text(host, "CpusetCpus"),
        cpuset_mems=fields.text(host, "CpusetMems"),
        memory_reservation=fields.integer(host, "MemoryReservation"),
        oom_kill_disable=fields.boolean(host, "OomKillDisable"),
        blkio_weight=fields.integer(host, "BlkioWeight"),
    )


def verify(host: Json, supports: Supports, cpus: int, update: bool = False) -> list[str]:
    """Check the limits in `host`, take out those that cannot be had, and return Docker's warnings.

    `cpus` is how many processors there are; `update` says that `host` holds changes only.
    Raises InvalidParameter in Docker's words for what makes no sense.
    """
    limits = parse_limits(host)
    if limits.memory and limits.memory < MINIMUM_MEMORY:
        raise InvalidParameter("Minimum memory limit allowed is 6MB")
    warnings = _discard(host, supports)
    limits = parse_limits(host)
    if limits.memory > 0 and limits.memory_swap != -1 and not supports("swap"):
        warnings.append(
            "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
            "Memory limited without swap."
        )
        host["MemorySwap"] = -1
    _check_memory(parse_limits(host), update)
    _check_cpu(host, limits, cpus)
    _check_set(limits, cpus)
    if limits.blkio_weight and not 10 <= limits.blkio_weight <= 1000:
        raise InvalidParameter("Range of blkio weight is from 10 to 1000")
    if limits.oom_kill_disable and not limits.memory:
        warnings.append(
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources."
        )
    if host.get("DeviceCgroupRules"):
        warnings.append(
            "Rules for devices change nothing here: containers cannot make device nodes, and no "
            "device that they have is kept from them."
        )
    return warnings


def _discard(host: Json, supports: Supports) -> list[str]:
    warnings = []
    for controller, members, without, warning in _DISCARDED:
        wanted = any(host.get(member) for member in members)
        if wanted and not supports(controller):
            host.update(without)
            warnings.append(warning)
    return warnings


def _check_memory(limits: Limits, update: bool) -> None:
    memory, swap, reserved = limits.memory, limits.memory_swap, limits.memory_reservation
    if memory > 0 and 0 < swap < memory:
        raise InvalidParameter(
            "Minimum memoryswap limit should be larger than memory limit, see usage"
        )
    if not memory and swap > 0 and not update:
        raise InvalidParameter(
            "You should always set the Memory limit when using Memoryswap limit, see usage"
        )
    if 0 < reserved < MINIMUM_MEMORY:
        raise InvalidParameter("Minimum memory reservation allowed is 6MB")
    if 0 < memory < reserved:
        raise InvalidParameter(
            "Minimum memory limit can not be less than memory reservation limit, see usage"
        )


def _check_cpu(host: Json, limits: Limits, cpus: int) -> None:
    for first, second, text in _PAIRS:
        if fields.integer(host, first) > 0 and fields.integer(host, second) > 0:
            raise InvalidParameter(text)
    if not 0 <= limits.nano_cpus <= cpus * 1_000_000_000:
        raise InvalidParameter(
            f"range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available"
        )
    if limits.cpu_period and not 1000 <= limits.cpu_period <= 1_000_000:
        raise InvalidParameter(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
    if 0 < limits.cpu_quota < 1000:
        raise InvalidParameter("CPU cfs quota can not be less than 1ms (i.e. 1000)")


def _check_set(limits: Limits, cpus: int) -> None:
    for name, text in (("cpus", limits.cpuset_cpus), ("mems", limits.cpuset_mems)):
        if text and not _CPU_LIST.fullmatch(text):
            raise InvalidParameter(f"Invalid value {text} for cpuset {name}")
    available = "0" if cpus == 1 else f"0-{cpus - 1}"
    if any(int(number) >= cpus for number in re.findall(r"\d+", limits.cpuset_cpus)):
        raise InvalidParameter(
            f"Requested CPUs are not available - requested {limits.cpuset_cpus}, "
            f"available: {available}"
        )
