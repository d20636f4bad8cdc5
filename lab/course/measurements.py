"""The same program as a bare process, in a container and in a virtual machine, measured here.

    measured = measure("process") + measure("container") + measure("vm")
    print(table(measured))

A measurement is a dict (see Measurement), so that a notebook can add, filter and draw it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab.course import places
from lab.errors import InvalidParameter, Unavailable
from lab.sandbox.probes_machine import memory

KINDS = ("process", "container", "vm")
COUNTS = (1, 2, 5)
VM_COUNTS = (1, 2)
VM_MEMORY = 350 << 20
"""Bytes of the host's memory that are counted for one virtual machine before it is started."""

_RESERVE = 200 << 20


@dataclass(frozen=True, slots=True)
class Measurement:
    """`count` of one kind at the same time: what was measured, in seconds and bytes.

    `start`: until the program in the last one had answered, when they were started one after the
    other.  `stop`: until the last one's program had ended.  `memory`: what the processes take
    together (resident set; of a virtual machine, QEMU's).  `disk`: what they take together, with
    what they have in common counted once.  `work`: a fixed piece of work, done in one of them.
    `kernel` is the release that the program saw.
    """

    kind: str
    count: int
    start: float
    stop: float
    memory: int
    disk: int
    work: float
    kernel: str


def measure(kind: str, counts: Iterable[int] | None = None) -> list[dict[str, Any]]:
    """Start, ask, and stop one after the other; return a measurement for each of `counts`.

    By default that is 1, 2 and 5; of virtual machines, whose start is long under emulation, 1 and
    2.  Nothing is computed for what was not started.  Raises Unavailable if there is no such place
    here, or not enough memory for so many virtual machines.
    """
    if kind not in KINDS:
        raise InvalidParameter(f"nothing of kind {kind!r} can be measured: {', '.join(KINDS)}")
    if counts is None:
        wanted = [*affordable(VM_COUNTS)] if kind == "vm" else [*COUNTS]
    else:
        wanted = sorted(set(counts))
    if not wanted or wanted[0] < 1:
        raise InvalidParameter("at least one must be started to be measured")
    if kind == "vm":
        affordable(wanted[-1:])
    with places.opened(kind) as place:
        return [asdict(each) for each in _measure(kind, place, wanted)]


def affordable(counts: Sequence[int], free: int | None = None) -> tuple[int, ...]:
    """Return for which of `counts` virtual machines there is memory; Unavailable if for none.

    `free` are the bytes that can be used, by default what this machine has now.
    """
    available = memory().free if free is None else free
    fitting = tuple(count for count in counts if _needed(count) <= available)
    if not fitting:
        raise Unavailable(
            f"{counts[0]} of these virtual machines need {_needed(counts[0]) >> 20} MB of memory,"
            f" and {available >> 20} MB are free",
            hint="end other programs, or start fewer",
        )
    return fitting


def table(measurements: Iterable[dict[str, Any]]) -> str:
    """Return measurements as lines of text, with seconds and megabytes."""
    lines = [f"{'kind':<10}{'count':>6}{'start s':>10}{'stop s':>9}{'memory MB':>11}{'disk MB':>9}"]
    lines[0] += f"{'work s':>9}  kernel"
    for each in measurements:
        lines.append(
            f"{each['kind']:<10}{each['count']:>6}{each['start']:>10.3f}{each['stop']:>9.3f}"
            f"{each['memory'] / 1e6:>11.1f}{each['disk'] / 1e6:>9.1f}{each['work']:>9.3f}"
            f"  {each['kernel']}"
        )
    return "\n".join(lines)


def _needed(count: int) -> int:
    return count * VM_MEMORY + _RESERVE


def _measure(kind: str, place: places.Place, counts: Sequence[int]) -> list[Measurement]:
    starts: list[float] = []
    seen: dict[int, dict[str, Any]] = {}
    with contextlib.ExitStack() as cleanup:
        running: list[places.Running] = []

        def start() -> None:
            running.append(place.start())
            cleanup.callback(running[-1].remove)

        while len(running) < counts[-1]:
            starts.append(_seconds(start))
            if len(running) in counts:
                seen[len(running)] = _look(place, running)
        stops = [_seconds(each.stop) for each in running]
    return [
        Measurement(kind, count, sum(starts[:count]), sum(stops[:count]), **seen[count])
        for count in counts
    ]


def _look(place: places.Place, running: Sequence[places.Running]) -> dict[str, Any]:
    """Measure those that run now."""
    return {
        "memory": sum(each.memory() for each in running),
        "disk": place.shared_disk() + sum(each.disk() for each in running),
        "work": running[0].work(),
        "kernel": running[0].answer.kernel,
    }


def _seconds(action: Callable[[], None]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
