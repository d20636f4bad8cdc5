"""Query parameters and filters, parsed as Docker parses them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from lab.errors import InvalidParameter

_MAXIMUM = (1 << 63) - 1
_FALSE = {"", "0", "no", "false", "none"}


def flag(request: web.Request, name: str, default: bool = False) -> bool:
    """Return a boolean parameter: everything but 0, no, false, none and nothing is true."""
    value = request.query.get(name)
    return default if value is None else value.strip().lower() not in _FALSE


def number(request: web.Request, name: str, default: int | None = None) -> int | None:
    """Return an integer parameter; InvalidParameter if it is something else."""
    value = request.query.get(name)
    if value is None or value == "":
        return default
    if not value.removeprefix("-").isdecimal():
        raise InvalidParameter(f'strconv.Atoi: parsing "{value}": invalid syntax')
    if not -_MAXIMUM <= int(value) <= _MAXIMUM:
        raise InvalidParameter(f'strconv.Atoi: parsing "{value}": value out of range')
    return int(value)


def seconds_to_ns(text: str | None) -> int | None:
    """Return a time given as seconds since the epoch, with a fraction maybe, in nanoseconds.

    What is beyond 64 bits becomes the first or the last moment.
    """
    if not text:
        return None
    whole, _, fraction = text.partition(".")
    if not whole.removeprefix("-").isdecimal() or not (fraction or "0").isdecimal():
        raise InvalidParameter(f'invalid value for a time: "{text}"')
    nanoseconds = int(whole) * 1_000_000_000 + int((fraction + "000000000")[:9])
    return max(-_MAXIMUM, min(nanoseconds, _MAXIMUM))


@dataclass(frozen=True, slots=True)
class Filters:
    """The `filters` parameter: for each key the values of which one must match."""

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, request: web.Request, known: frozenset[str], strict: bool = True) -> Filters:
        """Parse the parameter, in the CLI's form (a map of maps) or docker-py's (of lists).

        Raises InvalidParameter for other JSON, and for a key that this resource does not have; if
        it is not `strict`, such a key is passed over.
        """
        text = request.query.get("filters", "")
        if not text:
            return cls({})
        try:
            raw = json.loads(text)
        except ValueError:
            raise InvalidParameter("invalid filter") from None
        if not isinstance(raw, dict):
            raise InvalidParameter("invalid filter")
        values = {}
        for key, value in raw.items():
            texts = _texts(value)
            if key in known:
                values[key] = texts
            elif strict:
                raise InvalidParameter(f"invalid filter '{key}'")
        return cls(values)

    def get(self, key: str) -> tuple[str, ...]:
        """Return the values under `key`; none if it was not given."""
        return self.values.get(key, ())

    def allows(self, key: str, value: str) -> bool:
        """Return whether `value` passes: the key was not given, or names it."""
        return key not in self.values or value in self.values[key]

    def allows_labels(self, labels: Mapping[str, str]) -> bool:
        """Return whether `labels` holds every `name` or `name=value` under `label`."""
        return all(_has_label(wanted, labels) for wanted in self.get("label"))


def _has_label(wanted: str, labels: Mapping[str, str]) -> bool:
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, dict):
        return tuple(str(key) for key, on in value.items() if on)
    if isinstance(value, list):
        return tuple(map(str, value))
    raise InvalidParameter("invalid filter")
