"""What a container used in the last minute, against its limits.  Plain values in, JSON out.

meter   {"id", "name", "state", "oom_killed", "version", "kept", "limits", "points", "marks", ...}
point   [seconds, bytes of memory, CPU in percent of one, processes, whether it was throttled];
        None for what is not known
mark    [seconds, "oom" or "full"]: processes were killed for want of memory, or the group
        met its limit and the kernel had to free memory
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

KEPT = 60.0
"""Seconds that are drawn."""

_MOST = 150
"""Points, however fast they come."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a control group; None for what is not known or, of limits, not set."""

    at: float
    running: bool
    version: int | None
    memory: int | None = None
    memory_limit: int | None = None
    oom_kills: int | None = None
    full: int | None = None
    cpu_ns: int | None = None
    throttled_periods: int | None = None
    throttled_ns: int | None = None
    pids: int | None = None
    pids_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What `docker run` or `docker update` asked for; None: no limit.  `cpus` is a number of CPUs."""

    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None


def from_extension(told: Mapping[str, Any]) -> Sample:
    """Return the sample of an answer of /lab/v1/containers/ID/cgroup."""
    memory, cpu, pids = told["Memory"], told["Cpu"], told["Pids"]
    return Sample(
        at=told["TimeNano"] / 1e9,
        running=told["Running"],
        version=told["Version"],
        memory=memory["Bytes"],
        memory_limit=memory["LimitBytes"],
        oom_kills=memory["Events"].get("oom_kill"),
        full=memory["Events"].get("max"),
        cpu_ns=cpu["UsageNano"],
        throttled_periods=cpu["ThrottledPeriods"],
        throttled_ns=cpu["ThrottledNano"],
        pids=pids["Current"],
        pids_limit=pids["Limit"],
    )


def from_stats(told: Mapping[str, Any], at: float) -> Sample:
    """Return the sample of an answer of /containers/ID/stats, which every engine has."""
    memory, cpu = told.get("memory_stats") or {}, told.get("cpu_stats") or {}
    throttling, pids = cpu.get("throttling_data") or {}, told.get("pids_stats") or {}
    usage = (cpu.get("cpu_usage") or {}).get("total_usage")
    return Sample(
        at=at,
        running=bool(pids.get("current")),
        # version 1 alone counts for each CPU
        version=1 if (cpu.get("cpu_usage") or {}).get("percpu_usage") else 2,
        memory=memory.get("usage"),
        cpu_ns=usage,
        throttled_periods=throttling.get("throttled_periods"),
        throttled_ns=throttling.get("throttled_time"),
        pids=pids.get("current"),
    )


def wishes(host: Mapping[str, Any]) -> Wishes:
    """Return what a container's HostConfig asks for."""
    nano, quota, period = (host.get(key) or 0 for key in ("NanoCpus", "CpuQuota", "CpuPeriod"))
    cpus = nano / 1e9 if nano else quota / (period or 100_000) if quota > 0 else None
    pids = host.get("PidsLimit") or 0
    return Wishes(host.get("Memory") or None, cpus, pids if pids > 0 else None)


class Meter:
    """One container: its limits, what it used in the last minute, what was marked."""

    def __init__(self, identity: str) -> None:
        self.id = identity
        self.name = ""
        self.state = ""
        self.oom_killed = False
        self.wishes = Wishes()
        self._last: Sample | None = None
        self._points: deque[list[Any]] = deque(maxlen=_MOST)
        self._marks: deque[tuple[float, str]] = deque(maxlen=_MOST)
        self._throttled: deque[tuple[float, float]] = deque(maxlen=_MOST)

    def add(self, sample: Sample) -> None:
        """Take note of another look."""
        before, self._last = self._last, sample
        if not sample.running:
            self._points.append([sample.at, None, None, None, False])
            return
        if before is None or not before.running:
            before = None
        elapsed = sample.at - before.at if before else 0.0
        used = _grown(before, sample, "cpu_ns")
        percent = None if used is None or elapsed <= 0 else 100 * used / 1e9 / elapsed
        waited = _grown(before, sample, "throttled_ns") or 0
        if waited:
            self._throttled.append((sample.at, waited / 1e9))
        for kind, field in (("oom", "oom_kills"), ("full", "full")):
            if _grown(before, sample, field):
                self.mark(sample.at, kind)
        throttled = bool(_grown(before, sample, "throttled_periods"))
        self._points.append([sample.at, sample.memory, percent, sample.pids, throttled])

    def mark(self, at: float, kind: str) -> None:
        """Mark a moment; two marks of one kind within a second are one."""
        if not any(kind == other and abs(at - moment) < 1 for moment, other in self._marks):
            self._marks.append((at, kind))

    def draw(self, now: float) -> Json:
        """Return what is drawn at the moment `now`."""
        last = self._last
        begin = now - KEPT
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "oom_killed": self.oom_killed,
            "version": last.version if last else None,
            "known": last is not None,
            "kept": KEPT,
            "now": now,
            "limits": self._limits(),
            "asked": [self.wishes.memory, self.wishes.cpus, self.wishes.pids],
            "points": [point for point in self._points if point[0] >= begin],
            "marks": [list(mark) for mark in self._marks if mark[0] >= begin],
            "throttled": sum(waited for at, waited in self._throttled if at >= begin),
            "counts": {
                "oom_kills": last.oom_kills if last else None,
                "throttled_periods": last.throttled_periods if last else None,
                "throttled_ns": last.throttled_ns if last else None,
            },
        }

    def _limits(self) -> list[float | None]:
        """Memory in bytes, CPU in percent of one, processes: what is really set, None: nothing."""
        last = self._last
        if last is None or last.version is None:
            return [None, None, None]
        cpus = self.wishes.cpus
        return [
            last.memory_limit or self.wishes.memory,
            None if cpus is None else 100 * cpus,
            last.pids_limit or self.wishes.pids,
        ]


def _grown(before: Sample | None, now: Sample, field: str) -> int | None:
    """Return by how much a counter has grown; None if that is not known."""
    if before is None:
        return None
    old, new = getattr(before, field), getattr(now, field)
    return None if old is None or new is None else max(0, new - old)
