"""Signals and exit codes, as Docker names and counts them."""

from __future__ import annotations

import signal

import pytest

from lab.engine.signals import (
    exit_code,
    parse_signal,
    runtime_failure,
    stop_seconds,
    stop_signal,
)
from lab.errors import InvalidParameter, LabError, NetworkError, StartError


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("SIGTERM", 15),
        ("term", 15),
        ("sigkill", 9),
        ("KILL", 9),
        ("15", 15),
        ("64", 64),
        ("SIGRTMIN", 34),
        ("RTMIN+3", 37),
        ("SIGRTMIN+30", 64),
        ("winch", 28),
    ],
)
def test_names_and_numbers(text: str, number: int) -> None:
    """Is each form that Docker takes understood?"""
    assert parse_signal(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "0", "65", "-9", "SIG", "BOGUS", "RTMIN+31", "RTMIN+x", "TERM+1", "9.0", "SIGSIGTERM"],
)
def test_no_signals(text: str) -> None:
    """Is anything else refused in Docker's words?"""
    with pytest.raises(InvalidParameter) as raised:
        parse_signal(text)
    assert raised.value.message == f"invalid signal: {text}"


def test_exit_codes() -> None:
    """Is a code the program's own, or 128 and the signal that ended it?"""
    assert [exit_code(status << 8) for status in (0, 1, 255)] == [0, 1, 255]
    assert exit_code(signal.SIGKILL) == 137
    # with a core dump
    assert exit_code(signal.SIGSEGV | 0x80) == 139


def test_stopping() -> None:
    """Are signal and patience the container's, or Docker's?"""
    assert (stop_signal({}), stop_seconds({})) == (15, 10)
    config = {"StopSignal": "SIGQUIT", "StopTimeout": 0}
    assert (stop_signal(config), stop_seconds(config)) == (3, 0)


def test_failures_to_start() -> None:
    """Is a program that cannot run told in runc's words, and anything else in its own?"""
    error = runtime_failure(StartError('exec: "x": permission denied', 126))
    assert isinstance(error, StartError) and error.exit_code == 126
    assert error.message.startswith("failed to create task for container: ")
    assert error.message.endswith('exec: "x": permission denied: unknown')
    for plain in (StartError("unable to find user x"), NetworkError("port is taken")):
        assert runtime_failure(plain) is plain
    full = runtime_failure(OSError(28, "No space left on device", "/root/config.json"))
    assert type(full) is LabError
    assert full.message == "No space left on device: /root/config.json"
    assert runtime_failure(ValueError("odd")).message == "ValueError: odd"
