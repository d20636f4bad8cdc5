"""Timing whole commands, in turn, so that both engines see the same weather."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """Seconds of the same thing on both engines, one entry a round; `theirs` may be empty."""

    name: str
    goal: float
    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratio(self) -> float | None:
        """The median of the ratios of each round."""
        if not self.theirs:
            return None
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))


def command(host: str, *words: str) -> Callable[[], float]:
    """Return a function that runs the docker CLI against `host` and gives its seconds."""
    environ = {**os.environ, "DOCKER_HOST": host}

    def run() -> float:
        started = time.perf_counter()
        subprocess.run(["docker", *words], env=environ, check=True, capture_output=True)
        return time.perf_counter() - started

    return run


def compare(
    name: str,
    goal: float,
    ours: Callable[[], float],
    theirs: Callable[[], float] | None,
    rounds: int,
) -> Pair:
    """Run both in turn, after one round that does not count."""
    own, other = [], []
    for number in range(rounds + 1):
        pair = ours(), theirs() if theirs else 0.0
        if number:
            own.append(pair[0])
            other.append(pair[1])
    return Pair(name, goal, own, other if theirs else [])


def median_ms(seconds: Sequence[float]) -> str:
    """Return the median in milliseconds, for a table."""
    return f"{statistics.median(seconds) * 1000:.0f}" if seconds else "-"
