"""Where somebody may listen to the system calls that this process makes by the lab's wrappers.

The wrappers are plain functions, with no object that could carry a listener: so there is one place
per process for one listener.  While nobody listens, a call costs one look at it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from enum import IntFlag

Listener = Callable[[str, Mapping[str, object], int | None, int, int], None]
"""Told the name (as in section 2 of the manual), the arguments that were not None, the result, the
errno (0: none) and the moment, in nanoseconds since the epoch, when the call was over.

A call that does not return when it succeeds (execve) is told before, with no result; if it
fails, again."""

_TEXT_LIMIT = 600


class Tap:
    """The place for the listener; `listener` is None while nobody listens."""

    __slots__ = ("listener",)

    def __init__(self) -> None:
        self.listener: Listener | None = None

    def tell(
        self, name: str, arguments: Mapping[str, object], result: int | None, error: int = 0
    ) -> None:
        """Tell the listener of one call; callers look first whether there is one."""
        listener = self.listener
        if listener is not None:
            present = {key: value for key, value in arguments.items() if value is not None}
            listener(name, present, result, error, time.time_ns())


tap = Tap()


def shown(value: object) -> str | int:
    """Return an argument as the manual writes it: `CLONE_NEWNS|CLONE_NEWPID`, a number, a text."""
    if isinstance(value, IntFlag):
        return _flags(value)
    if isinstance(value, int):
        return int(value)
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + "..."


def _flags(value: IntFlag) -> str | int:
    kind = type(value)
    if value.name and "|" not in value.name:
        return _flag_name(kind.__name__, value.name)
    names = []
    rest = int(value)
    for member in kind:
        if int(member) & rest == int(member):
            names.append(_flag_name(kind.__name__, member.name or ""))
            rest &= ~int(member)
    if rest:
        names.append(hex(rest))
    return "|".join(names) if names else 0


def _flag_name(kind: str, name: str) -> str:
    return name if name.startswith("AT_") else f"{kind}_{name}"
