"""What a registry asks for: the WWW-Authenticate header, parsed.  Source: RFC 9110, section 11.6."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_SCHEME = re.compile(rf"({_TOKEN})(?=\s|,|$)")
_SEPARATOR = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate.  `scheme` and the names of parameters are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """Return a parameter; empty if it is absent."""
        return self.parameters.get(name, "")


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """Return all challenges of a response's WWW-Authenticate headers, in their order.

    What is malformed ends its header; what was read before it counts.
    """
    return [challenge for header in headers for challenge in _parse(header)]


def _parse(header: str) -> list[Challenge]:
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while True:
        at = _end(_SEPARATOR.match(header, at))
        parameter = _PARAMETER.match(header, at)
        if parameter and found:
            quoted, plain = parameter[2], parameter[3]
            value = re.sub(r"\\(.)", r"\1", quoted) if plain is None else plain
            found[-1][1].setdefault(parameter[1].lower(), value)
            at = parameter.end()
            continue
        scheme = None if parameter else _SCHEME.match(header, at)
        if scheme is None:
            return [Challenge(name, parameters) for name, parameters in found]
        found.append((scheme[1].lower(), {}))
        at = scheme.end()


def _end(match: re.Match[str] | None) -> int:
    assert match is not None  # the pattern also matches nothing
    return match.end()
