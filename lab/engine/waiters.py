"""Futures of those who wait for something to happen to a container."""

from __future__ import annotations

import asyncio
from datetime import datetime

Waiters = list["asyncio.Future[int]"]


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
    """Return a time of a container's state in seconds since the epoch."""
    return datetime.fromisoformat(text[:26] + "+00:00").timestamp()
