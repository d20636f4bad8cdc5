"""Futures of those who wait for something to happen to a container."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

Waiters = list["asyncio.Future[int]"]

_REMEMBERED = 5.0
"""Seconds for which the exit code of a container that removed itself is known."""


class Departed:
    """Exit codes of containers that have just removed themselves, by full id.

    Clients that wait only after the end of the output (dockerode's `run`) rely on Docker being too
    slow to have removed the container by then.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._codes: dict[str, tuple[float, int]] = {}
        self._clock = clock

    def note(self, container: str, code: int) -> None:
        """Remember an exit code for a moment."""
        now = self._clock()
        self._codes = {each: kept for each, kept in self._codes.items() if kept[0] > now}
        self._codes[container] = (now + _REMEMBERED, code)

    def code(self, container: str) -> int | None:
        """Return the exit code of a container that has gone; None if it is not known any more."""
        until, code = self._codes.get(container, (0.0, 0))
        return code if until > self._clock() else None


def add_waiter(waiters: Waiters) -> asyncio.Future[int]:
    """Return a new future among `waiters`; those whose owners gave up are forgotten."""
    waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    waiters[:] = [each for each in waiters if not each.done()]
    waiters.append(waiter)
    return waiter


def tell(waiters: Waiters, code: int) -> None:
    """Give all of them the exit code."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(code)
    waiters.clear()


def seconds_of(text: str) -> float:
    """Return a time of a container's state, NEVER included, in seconds since the epoch."""
    return datetime.fromisoformat(text.removesuffix("Z")[:26] + "+00:00").timestamp()
