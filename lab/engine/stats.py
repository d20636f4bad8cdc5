"""What running containers use: `docker stats`.  Source: Docker Engine API, ContainerStats."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

from lab.engine.containers import Container
from lab.engine.state import NEVER, Status, moment
from lab.runtime.cgroups import CgroupManager, Sample

INTERVAL = 1.0
"""Seconds between two readings of a stream."""

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_COUNTERS = 7
"""The columns of /proc/stat that make up a processor's time; guests' are in the first two."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counters of one interface of a container."""

    received_bytes: int
    received_packets: int
    received_errors: int
    received_dropped: int
    sent_bytes: int
    sent_packets: int
    sent_errors: int
    sent_dropped: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a container used at a moment.  `system_ns` is the time of all processors together."""

    at: str = NEVER
    sample: Sample = field(default_factory=Sample)
    system_ns: int = 0
    cpus: int = 0
    networks: Mapping[str, Traffic] = field(default_factory=dict)


class Stats:
    """Takes readings.  Belongs to the event loop's thread."""

    def __init__(self, cgroups: CgroupManager) -> None:
        self._cgroups = cgroups

    async def read(self, container: Container) -> Reading:
        """Return a container's reading now; one that says nothing if it does not run."""
        task = container.task
        if task is None or container.status is Status.RESTARTING:
            return Reading()
        return await asyncio.to_thread(self._read, container.id, task.pid)

    async def once(self, container: Container, one_shot: bool) -> tuple[Reading, Reading]:
        """Return a reading, and the one before it, which says nothing if `one_shot`."""
        first = await self.read(container)
        if one_shot or first.at == NEVER:
            return first, Reading()
        await asyncio.sleep(INTERVAL)
        return await self.read(container), first

    async def stream(self, container: Container) -> AsyncGenerator[tuple[Reading, Reading], None]:
        """Yield a reading each second, with the one before, until the container is removed."""
        before = Reading()
        while container.status is not Status.REMOVING:
            now = await self.read(container)
            yield now, before
            before = now
            await asyncio.sleep(INTERVAL)

    def _read(self, name: str, pid: int) -> Reading:
        sample = self._cgroups.sample(name)
        system_ns, cpus = _processors()
        return Reading(moment(time.time()), sample, system_ns, cpus, _traffic(pid))


def _processors() -> tuple[int, int]:
    """Return the nanoseconds that all processors have spent, and how many there are."""
    total = count = 0
    with open("/proc/stat") as file:
        for line in file:
            name, *numbers = line.split()
            if name == "cpu":
                total = sum(map(int, numbers[:_COUNTERS])) * _TICK_NS
            elif name.startswith("cpu"):
                count += 1
            else:
                break
    return total, count


def _traffic(pid: int) -> dict[str, Traffic]:
    """Return the counters of a process's interfaces, without the loopback's; none if it has ended."""
    try:
        with open(f"/proc/{pid}/net/dev") as file:
            lines = file.read().splitlines()[2:]
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, _, numbers = line.partition(":")
        if name.strip() != "lo":
            counts = list(map(int, numbers.split()))
            found[name.strip()] = Traffic(*counts[:4], *counts[8:12])
    return found
