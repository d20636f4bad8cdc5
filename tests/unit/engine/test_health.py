"""Health checks: read, completed from the image, and judged."""

from __future__ import annotations

from typing import Any

import pytest

from lab.engine.health import (
    HealthCheck,
    begin,
    close_health,
    go_duration,
    merge,
    take_result,
)
from lab.engine.state import State

SECOND = 1_000_000_000


def check_of(**members: Any) -> HealthCheck:
    check = HealthCheck.of({"Healthcheck": {"Test": ["CMD", "true"], **members}})
    assert check is not None
    return check


def test_defaults() -> None:
    """Are Docker's defaults used for what is not said?"""
    check = check_of()
    assert (check.interval, check.timeout, check.retries) == (30, 30, 3)
    assert (check.start_period, check.start_interval) == (0, 5)


@pytest.mark.parametrize(
    ("config", "argv"),
    [
        ({}, None),
        ({"Healthcheck": {"Test": []}}, None),
        ({"Healthcheck": {"Test": ["NONE"]}}, None),
        ({"Healthcheck": {"Test": ["CMD"]}}, None),
        ({"Healthcheck": {"Test": ["OTHER", "x"]}}, None),
        ({"Healthcheck": {"Test": ["CMD", "a", "b"]}}, ("a", "b")),
        ({"Healthcheck": {"Test": ["CMD-SHELL", "a b"]}}, ("/bin/sh", "-c", "a b")),
        ({"Healthcheck": {"Test": ["CMD-SHELL", "a"]}, "Shell": ["zsh"]}, ("zsh", "a")),
    ],
)
def test_commands(config: dict[str, Any], argv: tuple[str, ...] | None) -> None:
    """Is the command run as it is, or by the image's shell?"""
    check = HealthCheck.of(config)
    assert (check and check.argv) == argv


def test_a_client_changes_only_what_it_names() -> None:
    """Does the image's check hold where the client says nothing?"""
    image = {"Test": ["CMD", "x"], "Interval": 5 * SECOND}
    assert merge(None, None) is None
    assert merge(None, image) == image
    assert merge({"Retries": 1}, image) == {**image, "Retries": 1}
    assert merge({"Test": ["NONE"]}, image) == {**image, "Test": ["NONE"]}


def result(code: int) -> dict[str, Any]:
    return {"Start": "", "End": "", "ExitCode": code, "Output": ""}


def test_failures_count_until_a_success() -> None:
    """Is it unhealthy after so many failures in a row, healthy after one success?"""
    state, check = State(), check_of(Retries=2)
    begin(state)
    assert state.health is not None
    assert not take_result(state.health, check, result(1), 1)
    assert take_result(state.health, check, result(1), 2)
    assert (state.health["Status"], state.health["FailingStreak"]) == ("unhealthy", 2)
    assert take_result(state.health, check, result(0), 3)
    assert (state.health["Status"], state.health["FailingStreak"]) == ("healthy", 0)
    for _ in range(9):
        take_result(state.health, check, result(1), 4)
    assert len(state.health["Log"]) == 5
    close_health(state)
    assert state.health["Status"] == "unhealthy"


def test_the_start_period() -> None:
    """Do failures not count during it, and is the container then looked at more often?"""
    state, check = State(), check_of(Retries=1, StartPeriod=10 * SECOND, StartInterval=SECOND)
    begin(state)
    assert state.health is not None
    assert check.pause("starting", 0) == 1
    assert not take_result(state.health, check, result(1), 9)
    assert state.health["FailingStreak"] == 0
    assert take_result(state.health, check, result(1), 10)
    assert check.pause("starting", 10) == check.pause("healthy", 5) == 30


def test_durations() -> None:
    """Are they written as Go writes them?"""
    texts = {0.5: "500ms", 2: "2s", 1.5: "1.5s", 90: "1m30s", 3600: "1h0m0s"}
    assert {seconds: go_duration(seconds) for seconds in texts} == texts
