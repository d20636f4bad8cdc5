"""The cgroups widget: what containers use of memory, CPU and processes, against their limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import traitlets
from docker.errors import NotFound

from lab.widgets import assets, meters, texts
from lab.widgets.engine import Engine
from lab.widgets.feed import Watch, changes_picture
from lab.widgets.followers import Follower
from lab.widgets.live import LiveWidget
from lab.widgets.meters import Meter
from lab.widgets.naming import name_of, select
from lab.widgets.streams import Json, Stream
from lab.widgets.texts_cgroups import CGROUPS

MAX_METERS = 12
"""How many containers, the latest ones, are measured; the others are counted."""

INTERVAL = 0.5
"""Seconds between two samples of a container."""


class Cgroups(LiveWidget):
    """Shows what containers use, and what they may use, live.

        Cgroups("web", "db")           these containers
        Cgroups()                      those that run, the latest twelve

    Memory, CPU and processes of the last minute, each with its limit or without one; where a
    container was throttled, and where the kernel killed for want of memory, is marked.
    """

    _esm = assets.script("dom", "live", "absent", "svg", "sparkline", "cgroups")
    _css = assets.style("common", "live", "cgroups")

    words = traitlets.Dict(texts.table(texts.COMMON, CGROUPS)).tag(sync=True)
    meters: traitlets.List[Any] = traitlets.List().tag(sync=True)
    machine: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    missing: traitlets.List[Any] = traitlets.List().tag(sync=True)
    more = traitlets.Int(0).tag(sync=True)

    def watch(self, engine: Engine) -> Watch:
        return CgroupsWatch(engine, self.names, self.tell)


class CgroupsWatch(Watch):
    """Follows the groups of the latest containers, and tells of all of them once a second."""

    pause = 1.0

    def __init__(self, engine: Engine, names: Sequence[str], tell: Callable[..., None]) -> None:
        self._engine = engine
        self._names = tuple(names)
        self._tell = tell
        self._lock = threading.Lock()
        self._meters: dict[str, Meter] = {}
        self._followers: dict[str, Follower] = {}
        self._stale = True
        self._stopped = False
        self._machine: Json = {}

    def concerns(self, event: Json) -> bool:
        if not (changes_picture(event) and event.get("Type") == "container"):
            return False
        self._stale = True
        return True

    def hear(self, event: Json) -> None:
        if event.get("Type") == "container" and event.get("Action") == "oom":
            with self._lock:
                meter = self._meters.get(event["Actor"]["ID"])
                if meter is not None:
                    meter.mark(event["timeNano"] / 1e9, "oom")

    def look(self) -> None:
        if self._stale:
            self._stale = False
            self._choose()
        now = time.time()
        with self._lock:
            drawn = [meter.draw(now) for meter in self._meters.values()]
        self._tell(meters=drawn, machine=self._machine)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for follower in self._followers.values():
                follower.stop()

    def _choose(self) -> None:
        """Follow the containers that are meant, and no others."""
        if not self._machine:
            info = self._engine.api.info()
            self._machine = {"cpus": info["NCPU"], "memory": info["MemTotal"]}
        listed = self._engine.containers()[::-1]
        if not self._names:
            ours = set(self._meters)
            listed = [each for each in listed if _runs(each) or each["Id"] in ours]
        meant, missing = select(self._names, [(name_of(each), each["Id"]) for each in listed])
        shown = [listed[index] for index in meant]
        more = max(0, len(shown) - MAX_METERS)
        shown = _latest(shown)
        for each in shown:
            self._measure(each)
        self._forget({each["Id"] for each in shown})
        self._tell(missing=missing, more=more)

    def _measure(self, listed: Json) -> None:
        identity = listed["Id"]
        try:
            inspected = self._engine.api.inspect_container(identity)
        except NotFound:
            return  # it went away; its event is on the way
        with self._lock:
            meter = self._meters.setdefault(identity, Meter(identity))
            meter.name, meter.state = name_of(listed), inspected["State"]["Status"]
            meter.oom_killed = bool(inspected["State"].get("OOMKilled"))
            meter.wishes = meters.wishes(inspected["HostConfig"])
            follower = self._followers.get(identity)
            if not self._stopped and (follower is None or follower.ended):
                self._followers[identity] = Follower(
                    lambda: self._begin(identity), lambda told: self._add(meter, told)
                )

    def _begin(self, identity: str) -> Stream:
        path = f"/containers/{quote(identity)}/stats?stream=true"
        if self._engine.has_extension:
            path = f"/lab/v1/containers/{quote(identity)}/cgroup/stream?interval={INTERVAL}"
        return self._engine.stream(path)

    def _add(self, meter: Meter, told: Json) -> None:
        if self._engine.has_extension:
            sample = meters.from_extension(told)
        else:
            sample = meters.from_stats(told, time.time())
        with self._lock:
            meter.add(sample)

    def _forget(self, shown: set[str]) -> None:
        with self._lock:
            for identity in self._meters.keys() - shown:
                del self._meters[identity]
                if follower := self._followers.pop(identity, None):
                    follower.stop()


def _runs(listed: Json) -> bool:
    return listed["State"] in ("running", "paused", "restarting")


def _latest(listed: Sequence[Json]) -> list[Json]:
    """Return as many as are measured: running ones before others, then the latest."""
    by_age = sorted(range(len(listed)), key=lambda index: (_runs(listed[index]), index))
    return [listed[index] for index in sorted(by_age[-MAX_METERS:])]
