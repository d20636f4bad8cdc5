"""What `docker ps` says in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lab.api import shapes
from lab.engine.state import Attachment, Record, State, Status

MINUTE, HOUR, DAY = 60, 3600, 86400
NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "Less than a second"),
        (0.9, "Less than a second"),
        (1, "1 second"),
        (1.9, "1 second"),
        (59.9, "59 seconds"),
        (MINUTE, "About a minute"),
        (2 * MINUTE - 1, "About a minute"),
        (2 * MINUTE, "2 minutes"),
        (HOUR - 1, "59 minutes"),
        (HOUR, "About an hour"),
        # Docker rounds hours
        (1.4 * HOUR, "About an hour"),
        (1.5 * HOUR, "2 hours"),
        (47.4 * HOUR, "47 hours"),
        (47.5 * HOUR, "2 days"),
        (14 * DAY - HOUR, "13 days"),
        (14 * DAY, "2 weeks"),
        (60 * DAY - HOUR, "8 weeks"),
        (60 * DAY, "2 months"),
        (729 * DAY, "24 months"),
        (730 * DAY, "2 years"),
        (3650 * DAY, "10 years"),
    ],
)
def test_lengths_of_time(seconds: float, text: str) -> None:
    """Are they worded as go-units does, which Docker uses?"""
    assert shapes.duration(seconds) == text


def at(hours: float) -> str:
    moment = NOW - timedelta(hours=hours)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(), "Created"),
        (State(status=Status.RUNNING, started_at=at(3)), "Up 3 hours"),
        (State(status=Status.PAUSED, started_at=at(3)), "Up 3 hours (Paused)"),
        (State(status=Status.EXITED, exit_code=137, finished_at=at(72)), "Exited (137) 3 days ago"),
        (State(status=Status.REMOVING), "Removal In Progress"),
    ],
)
def test_status(state: State, text: str) -> None:
    """Is the STATUS column Docker's?"""
    assert shapes.status_text(state, NOW) == text


def record(**members: object) -> Record:
    return Record("a" * 64, "n", at(0), "sha256:x", "busybox", {}, {}, **members)  # type: ignore[arg-type]


def test_ports() -> None:
    """Is there a row for each published address, and one for a port that is only exposed?"""
    published = [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}]
    rows = shapes.ports(record(ports={"80/tcp": published, "53/udp": None, "odd": None}))
    assert rows == [
        {"IP": "0.0.0.0", "PrivatePort": 80, "Type": "tcp", "PublicPort": 8080},
        {"IP": "::", "PrivatePort": 80, "Type": "tcp", "PublicPort": 8080},
        {"PrivatePort": 53, "Type": "udp"},
    ]


def test_the_command() -> None:
    """Are arguments with spaces shown in quotes?"""
    assert shapes._command(record(path="sh", args=["-c", "echo hi"])) == "sh -c 'echo hi'"
    assert shapes._command(record(path="/a b")) == "/a b"


def test_a_place_in_a_network() -> None:
    """Has an endpoint all members that clients look for, also before the first start?"""
    place = Attachment("bridge", "id", "endpoint", "172.17.0.2", 16, "172.17.0.1", "02:42")
    shown = shapes.endpoint(place)
    assert (shown["IPAddress"], shown["IPPrefixLen"], shown["Gateway"]) == (
        "172.17.0.2",
        16,
        "172.17.0.1",
    )
    assert set(shapes.endpoint(Attachment("none"))) == set(shown)
