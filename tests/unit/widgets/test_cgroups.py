"""What a container used against its limits, as the cgroups widget draws it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from lab.widgets import meters
from lab.widgets.cgroups import MAX_METERS, CgroupsWatch
from lab.widgets.engine import Engine
from lab.widgets.meters import Meter, Sample

from ...conftest import until


def meter(*samples: Sample, memory: int | None = None, cpus: float | None = None) -> Meter:
    made = Meter("c1")
    made.wishes = meters.Wishes(memory=memory, cpus=cpus)
    for sample in samples:
        made.add(sample)
    return made


def look(at: float, **values: Any) -> Sample:
    return Sample(at=at, running=True, version=2, **values)


def test_cpu_is_what_was_used_between_two_looks() -> None:
    """Is the first look without a percentage, and half a second of CPU in one second 50 %?"""
    drawn = meter(look(10, cpu_ns=10**9), look(11, cpu_ns=15 * 10**8), cpus=0.5).draw(11)
    assert [point[2] for point in drawn["points"]] == [None, 50.0]
    assert drawn["limits"][1] == 50


def test_throttling_is_added_up_for_a_minute() -> None:
    """Is the waiting of the last minute told, and a point marked in which there was some?"""
    samples = [
        look(10, throttled_periods=0, throttled_ns=0),
        look(11, throttled_periods=4, throttled_ns=3 * 10**8),
        look(12, throttled_periods=4, throttled_ns=3 * 10**8),
    ]
    drawn = meter(*samples).draw(12)
    assert [point[4] for point in drawn["points"]] == [False, True, False]
    assert drawn["throttled"] == pytest.approx(0.3)
    assert meter(*samples).draw(100)["throttled"] == 0


def test_kill_for_want_of_memory_is_marked_once() -> None:
    """Is a kill marked, and the event that tells of the same one not again?"""
    made = meter(look(10, oom_kills=0, full=0), look(11, oom_kills=1, full=3), memory=100)
    made.mark(11.2, "oom")
    drawn = made.draw(12)
    assert drawn["marks"] == [[11, "oom"], [11, "full"]]
    assert drawn["limits"][0] == 100
    made.mark(40, "oom")
    assert len(made.draw(41)["marks"]) == 3


def test_nothing_is_claimed_without_groups() -> None:
    """Where the host hands out no groups, is no limit told, even if one was asked for?"""
    drawn = meter(Sample(10, True, None), memory=10**6, cpus=1).draw(10)
    assert drawn["version"] is None
    assert drawn["limits"] == [None, None, None]
    assert drawn["asked"] == [10**6, 1, None]
    assert drawn["points"] == [[10, None, None, None, False]]


def test_a_stopped_container_leaves_a_gap() -> None:
    """Does a restart begin to count anew, with a gap in the line?"""
    drawn = meter(
        look(10, memory=5, cpu_ns=10**9), Sample(11, False, 2), look(12, memory=7, cpu_ns=10)
    ).draw(12)
    assert [point[1] for point in drawn["points"]] == [5, None, 7]
    assert drawn["points"][-1][2] is None


def test_a_minute_is_kept() -> None:
    """Are older points, and more than are wanted, let go?"""
    made = meter(*[look(number / 10, memory=number) for number in range(5000)])
    drawn = made.draw(500)
    assert 0 < len(drawn["points"]) <= 150
    assert all(point[0] >= 440 for point in drawn["points"])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ({}, (None, None, None)),
        ({"Memory": 67108864, "NanoCpus": 500000000, "PidsLimit": 50}, (67108864, 0.5, 50)),
        ({"CpuQuota": 20000, "CpuPeriod": 10000, "PidsLimit": -1}, (None, 2.0, None)),
        ({"CpuQuota": 50000, "PidsLimit": None}, (None, 0.5, None)),
        ({"CpuQuota": -1}, (None, None, None)),
    ],
)
def test_limits_that_were_asked_for(host: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """Are both ways to limit CPUs understood, and Docker's words for `no limit`?"""
    wishes = meters.wishes(host)
    assert (wishes.memory, wishes.cpus, wishes.pids) == expected


def test_statistics_of_any_engine() -> None:
    """Is an answer of `docker stats`, full or of a stopped container, understood?"""
    told = {
        "memory_stats": {"usage": 5, "limit": 10**10},
        "cpu_stats": {
            "cpu_usage": {"total_usage": 7, "percpu_usage": [7]},
            "throttling_data": {"throttled_periods": 1, "throttled_time": 2},
        },
        "pids_stats": {"current": 3},
    }
    sample = meters.from_stats(told, 1.0)
    assert (sample.memory, sample.cpu_ns, sample.throttled_ns, sample.pids) == (5, 7, 2, 3)
    assert sample.version == 1
    assert sample.memory_limit is None
    assert not meters.from_stats({"memory_stats": {}, "pids_stats": {}}, 1.0).running


class Stream:
    """Samples of one container, until it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield {
            "TimeNano": time.time_ns(),
            "Running": True,
            "Version": 2,
            "Memory": {"Bytes": 1, "LimitBytes": None, "Events": {}},
            "Cpu": {"UsageNano": 1, "ThrottledPeriods": 0, "ThrottledNano": 0},
            "Pids": {"Current": 1, "Limit": None},
        }
        self.closed.wait()

    def close(self) -> None:
        self.closed.set()


class Machine:
    """An engine with many containers, in place of an Engine; its `api` too."""

    has_extension = True

    def __init__(self, count: int) -> None:
        self.names = [f"c{number:03}" for number in range(count)]
        self.streams: dict[str, Stream] = {}
        self.api = self

    def info(self) -> dict[str, Any]:
        return {"NCPU": 2, "MemTotal": 10**9}

    def containers(self) -> list[dict[str, Any]]:
        return [
            {"Id": name, "Names": [f"/{name}"], "State": "running"} for name in self.names[::-1]
        ]

    def inspect_container(self, identity: str) -> dict[str, Any]:
        return {"State": {"Status": "running", "OOMKilled": False}, "HostConfig": {}}

    def stream(self, path: str) -> Stream:
        return self.streams.setdefault(path.split("/")[4], Stream())


class Told(dict[str, Any]):
    def __call__(self, **traits: Any) -> None:
        self.update(traits)


def test_few_of_many_containers_are_measured() -> None:
    """Are of a hundred containers the latest measured, the others counted, and all let go?"""
    before = set(threading.enumerate())
    machine, told = Machine(100), Told()
    watch = CgroupsWatch(cast(Engine, machine), [], told)
    watch.look()
    assert [each["name"] for each in told["meters"]] == machine.names[-MAX_METERS:]
    assert told["more"] == 100 - MAX_METERS
    until(lambda: len(machine.streams) == MAX_METERS)
    machine.names = machine.names[:-1]
    watch.concerns({"Type": "container", "Action": "destroy"})
    watch.look()
    assert machine.streams["c099"].closed.is_set()
    watch.stop()
    until(lambda: set(threading.enumerate()) <= before)


def test_an_oom_event_marks_the_container() -> None:
    """Does the engine's own event mark the container that it is about, and only that?"""
    machine, told = Machine(2), Told()
    watch = CgroupsWatch(cast(Engine, machine), ["c001", "none"], told)
    watch.look()
    assert told["missing"] == ["none"]
    now = time.time_ns()
    for identity in ("c001", "other"):
        actor = {"ID": identity}
        watch.hear({"Type": "container", "Action": "oom", "Actor": actor, "timeNano": now})
    watch.look()
    (drawn,) = told["meters"]
    assert drawn["marks"] == [[now / 1e9, "oom"]]
    watch.stop()
