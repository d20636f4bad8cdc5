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


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("", own_platform()),
        ("linux", own_platform()),
        ("Linux/x86_64", Platform("linux", "amd64")),
        ("linux/arm64/v8", Platform("linux", "arm64")),
        ("linux/arm", Platform("linux", "arm", "v7")),
        ("linux/arm/6", Platform("linux", "arm", "v6")),
        ("linux/armel", Platform("linux", "arm", "v6")),
        ("arm64", Platform("linux", "arm64")),
        ("windows/amd64", Platform("windows", "amd64")),
        ("macos/aarch64", Platform("darwin", "arm64")),
    ],
)
def test_platforms_are_read(text: str, platform: Platform) -> None:
    """Are platforms spelled as clients spell them?"""
    assert parse_platform(text) == platform


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", '"nonsense": unknown operating system or architecture: invalid argument'),
        ("a/b/c/d", '"a/b/c/d": cannot parse platform specifier: invalid argument'),
        ("linux//v7", '"" is an invalid component of "linux//v7"'),
        ("linux/a b", '"a b" is an invalid component of "linux/a b"'),
    ],
)
def test_what_is_no_platform_is_refused(text: str, message: str) -> None:
    """Are Docker's words used?"""
    with pytest.raises(InvalidParameter) as caught:
        parse_platform(text)
    assert caught.value.message.startswith(message)
