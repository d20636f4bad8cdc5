"""Moments as images and filters spell them, and platforms."""

from __future__ import annotations

import pytest

from lab.engine.machine import own_platform, parse_platform
from lab.engine.moments import parse_limit, parse_moment
from lab.errors import InvalidParameter
from lab.oci.descriptor import Platform


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T00:00:00.123456789Z", 123_456),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01", 0),
        ("0001-01-01T00:00:00Z", -62135596800 * 10**6),
        ("", None),
        ("yesterday", None),
    ],
)
def test_times_are_read(text: str, moment: int | None) -> None:
    """Are times with any fraction, zone or none microseconds since the epoch?"""
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10),
        ("1.5", 1.5),
        ("30s", 70),
        ("1m30s", 10),
        ("-10s", 110),
        ("500ms", 99.5),
        ("1970-01-01T00:00:05Z", 5),
    ],
)
def test_limits_are_moments_or_lie_in_the_past(text: str, seconds: float) -> None:
    """Does a duration count back from now, and everything else stand for itself?"""
    assert parse_limit(text, now=100.0) == seconds * 10**6


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "1x", "h"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    """Is nonsense an error?"""
    with pytest.raises(InvalidParameter, match="failed to parse value as time or duration"):
        parse_limit(text, now=100.0)


def test_platforms_are_read() -> None:
    """Are platforms spelled as clients spell them, and nonsense refused?"""
    assert parse_platform("") == parse_platform("linux") == own_platform()
    assert parse_platform("Linux/x86_64") == Platform("linux", "amd64")
    assert parse_platform("linux/arm/v7") == Platform("linux", "arm", "v7")
    for text in ("amd64", "linux//v7", "a/b/c/d"):
        with pytest.raises(InvalidParameter):
            parse_platform(text)
