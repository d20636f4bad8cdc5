"""Moments in time, as image configurations and the clients' filters spell them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from lab.errors import InvalidParameter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "\u00b5s": 1e-6,
    "\u03bcs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = rf"(\d+(?:\.\d*)?|\.\d+)({'|'.join(_UNITS)})"
_DURATION = re.compile(rf"-?(?:{_PART})+")


def parse_moment(text: str) -> int | None:
    """Return an RFC 3339 time in microseconds since the epoch; None if it is empty or no time."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return (at - _EPOCH) // _MICROSECOND


def rfc3339(nanoseconds: int) -> str:
    """Return a time given in nanoseconds since the epoch as Docker writes it."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    whole = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return f"{whole}{fraction}Z"


def parse_limit(text: str, now: float) -> int:
    """Return the moment that a filter such as `until` names, in microseconds since the epoch.

    It may be a duration before `now` (Go's: `1h30m`), seconds since the epoch, or a date with or
    without a time.  `now` is seconds since the epoch.  Raises InvalidParameter.
    """
    if _DURATION.fullmatch(text):
        parts = re.findall(_PART, text)
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
        return round((now + seconds if text.startswith("-") else now - seconds) * 1e6)
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return round(float(text) * 1e6)
    moment = parse_moment(text)
    if moment is None:
        raise InvalidParameter(f'failed to parse value as time or duration: "{text}"')
    return moment
