"""Health checks: what a container asks for, and what probes' results mean.  Pure rules.

Source: Dockerfile reference, HEALTHCHECK; Docker Engine API, HealthConfig.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.fields import Json

if TYPE_CHECKING:
    from lab.engine.state import State

STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
KEPT_RESULTS = 5
OUTPUT_LIMIT = 4096
"""Bytes of a probe's output that are kept."""

_SECOND = 1_000_000_000
_MINIMUM = 1_000_000
_DURATIONS = ("Interval", "Timeout", "StartPeriod", "StartInterval")
_MEMBERS = ("Test", *_DURATIONS, "Retries")
_DEFAULT_SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A probe's command, and how it is to be run.  Durations are seconds.

    During `start_period` failures do not count, and until the first success there the
    `start_interval` holds.
    """

    argv: tuple[str, ...]
    interval: float
    timeout: float
    retries: int
    start_period: float
    start_interval: float

    @classmethod
    def of(cls, config: Json) -> HealthCheck | None:
        """Return the check of a container's Config; None if it has none, or `NONE`."""
        source = fields.obj(config, "Healthcheck")
        kind, *words = fields.texts(source, "Test") or ["NONE"]
        if kind == "CMD-SHELL":
            words = [*(fields.texts(config, "Shell") or _DEFAULT_SHELL), *words]
        if kind not in ("CMD", "CMD-SHELL") or not words:
            return None

        def seconds(key: str, default: float) -> float:
            return (fields.integer(source, key) or default * _SECOND) / _SECOND

        return cls(
            argv=tuple(words),
            interval=seconds("Interval", 30),
            timeout=seconds("Timeout", 30),
            retries=fields.integer(source, "Retries") or 3,
            start_period=seconds("StartPeriod", 0),
            start_interval=seconds("StartInterval", 5),
        )

    def pause(self, status: str, up: float) -> float:
        """Return the seconds until the next probe of a container that has been `up` so long."""
        starting = up < self.start_period and status == STARTING
        return self.start_interval if starting else self.interval


def parse(source: Json) -> Json | None:
    """Check the Healthcheck of a client's Config; None if it says nothing.

    Raises InvalidParameter in Docker's words.
    """
    fields.texts(source, "Test")
    for key in _DURATIONS:
        value = fields.integer(source, key)
        if value and value < _MINIMUM:
            raise InvalidParameter(f"{key} in Healthcheck cannot be less than 1ms")
    if fields.integer(source, "Retries") < 0:
        raise InvalidParameter("Retries in Healthcheck cannot be negative")
    return {key: source[key] for key in _MEMBERS if source.get(key)} or None


def merge(wanted: Json | None, image: Json | None) -> Json | None:
    """Return a client's check completed with what only the image's says."""
    return {**(image or {}), **(wanted or {})} or None


def begin(state: State) -> None:
    """A run of a container with a check begins: nothing is known yet."""
    log = (state.health or {}).get("Log", [])
    state.health = {"Status": STARTING, "FailingStreak": 0, "Log": log}


def close_health(state: State) -> None:
    """Nobody probes any more: Docker then says unhealthy."""
    if state.health is not None:
        state.health["Status"] = UNHEALTHY


def take_result(health: Json, check: HealthCheck, result: Json, up: float) -> bool:
    """Note a probe's result, begun `up` seconds after the start; return whether the status changed."""
    before = health["Status"]
    health["Log"] = [*health["Log"][1 - KEPT_RESULTS :], result]
    if result["ExitCode"] == 0:
        health["FailingStreak"], health["Status"] = 0, HEALTHY
    elif before != STARTING or up >= check.start_period:
        health["FailingStreak"] += 1
        if health["FailingStreak"] >= check.retries:
            health["Status"] = UNHEALTHY
    return bool(health["Status"] != before)


def go_duration(seconds: float) -> str:
    """Return a duration as Go prints it: `2s`, `1m30s`, `500ms`."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{int(hours)}h" if hours else ""
    text += f"{int(minutes)}m" if hours or minutes else ""
    return f"{text}{rest:g}s"
