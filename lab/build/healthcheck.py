"""HEALTHCHECK: its options as the member of an image's settings, and as Docker notes it.

Durations are written as Go does (`1m30s`) and kept in nanoseconds.
Source: Dockerfile reference, HEALTHCHECK; Docker Engine API, HealthConfig; Go's package time.
"""

from __future__ import annotations

import re

from lab.build import options
from lab.build.golang import quote, quote_list
from lab.build.parser import Node
from lab.errors import BuildError
from lab.oci.fields import Json

_DURATIONS = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}
_UNITS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,
    "μs": 1000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_LEAST = 1_000_000


def parse(node: Node) -> Json:
    """Return the settings that a HEALTHCHECK instruction means.  Raises BuildError."""
    options.some(node)
    kind, *command = node.args
    kind = kind.upper()
    if kind == "NONE":
        options.values(node)
        if command:
            raise BuildError("HEALTHCHECK NONE takes no arguments")
        return {"Test": ["NONE"]}
    given = options.values(node, *_DURATIONS, "retries")
    if kind != "CMD":
        raise BuildError(f"Unknown type {quote(kind)} in HEALTHCHECK (try CMD)")
    if not command:
        raise BuildError("Missing command after HEALTHCHECK CMD")
    check: Json = {"Test": ["CMD" if node.is_json else "CMD-SHELL", *command]}
    for option, member in _DURATIONS.items():
        if nanoseconds := _interval(option, given.get(option, "")):
            check[member] = nanoseconds
    if retries := _retries(given.get("retries", "")):
        check["Retries"] = retries
    return check


def noted(check: Json) -> str:
    """Return the settings as Docker's history shows them (Go's `%q` of the structure)."""
    parts = [quote_list(check.get("Test", []))]
    parts += [quote(go_duration(int(check.get(member, 0)))) for member in _DURATIONS.values()]
    return "&{" + " ".join([*parts, _rune(int(check.get("Retries", 0)))]) + "}"


def duration(text: str) -> int:
    """Return the nanoseconds of a duration in Go's notation (`1m30s`).  Raises BuildError."""
    sign = -1 if text.startswith("-") else 1
    digits = text[1:] if text[:1] in ("-", "+") else text
    parts = _PART.findall(digits)
    if (digits != "0" and "".join(number + unit for number, unit in parts) != digits) or not digits:
        missing = digits and re.fullmatch(r"[0-9.]+", digits)
        problem = "missing unit in duration" if missing else "invalid duration"
        raise BuildError(f"time: {problem} {quote(text)}")
    return sign * sum(_scaled(number, _UNITS[unit]) for number, unit in parts)


def _scaled(number: str, unit: int) -> int:
    whole, _, part = number.partition(".")
    scaled: int = int(whole or 0) * unit + int(part or 0) * unit // 10 ** len(part)
    return scaled


def go_duration(nanoseconds: int) -> str:
    """Return a duration as Go prints it: `1m30s`, `1.5s`, `250ms`, `0s`."""
    if nanoseconds < 1_000_000_000:
        for unit in ("ms", "µs", "ns"):
            if nanoseconds and nanoseconds >= _UNITS[unit]:
                return _decimal(nanoseconds, _UNITS[unit]) + unit
        return "0s"
    minutes, rest = divmod(nanoseconds, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    text = _decimal(rest, _UNITS["s"]) + "s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text


def _interval(option: str, text: str) -> int:
    if not text:
        return 0
    nanoseconds = duration(text)
    if nanoseconds < _LEAST:
        raise BuildError(f'Interval "{option}" cannot be less than 1ms')
    return nanoseconds


def _retries(text: str) -> int:
    if not text:
        return 0
    if re.fullmatch(r"[-+]?[0-9]+", text) is None:
        raise BuildError(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    if int(text) < 0:
        raise BuildError(f"--retries cannot be negative ({int(text)})")
    return int(text)


def _decimal(nanoseconds: int, unit: int) -> str:
    whole, part = divmod(nanoseconds, unit)
    if not part:
        return str(whole)
    digits = f"{part:0{len(str(unit)) - 1}d}".rstrip("0")
    return f"{whole}.{digits}"


def _rune(number: int) -> str:
    """Return a number as Go's `%q` writes an integer: as the character with this code."""
    return "'" + quote(chr(number))[1:-1].replace("'", "\\'").replace('\\"', '"') + "'"
