"""Timing whole commands, in turn, so that both engines see the same weather."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.engines import Peer


@dataclass(frozen=True)
class Case:
    """One thing to do: `run` does it on an engine, and gives the seconds that count."""

    name: str
    goal: float
    run: Callable[[Peer], float]
    rounds: int = 0
    """As many as asked for, at most these; 0: as many as asked for."""


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


def environ(host: str) -> dict[str, str]:
    """Return the environment of a docker CLI that talks to `host`, with the classic builder."""
    return {**os.environ, "DOCKER_HOST": host, "DOCKER_BUILDKIT": "0"}


def cli(host: str, *words: str) -> None:
    """Run the docker CLI; CalledProcessError, after showing what it said, if it fails."""
    done = subprocess.run(["docker", *words], env=environ(host), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: docker {' '.join(words)}: {done.stderr.strip()}")


def timed(host: str, *words: str) -> float:
    """Run the docker CLI and return the seconds that it took."""
    started = time.perf_counter()
    cli(host, *words)
    return time.perf_counter() - started


def compare(case: Case, ours: Peer, theirs: Peer | None, rounds: int) -> Pair:
    """Do it in turn on both, after one round that does not count."""
    own, other = [], []
    for number in range(min(rounds, case.rounds or rounds) + 1):
        pair = case.run(ours), case.run(theirs) if theirs else 0.0
        if number:
            own.append(pair[0])
            other.append(pair[1])
    return Pair(case.name, case.goal, own, other if theirs else [])


def median_ms(seconds: Sequence[float]) -> str:
    """Return the median in milliseconds, for a table."""
    return f"{statistics.median(seconds) * 1000:.0f}" if seconds else "-"
