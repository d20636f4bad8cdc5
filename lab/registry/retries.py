"""Trying again, at the intervals of Docker's engine, which counts the seconds aloud.

Source: moby, the managers of layers' downloads and uploads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.errors import RegistryError
from lab.registry.transport import Limits

Waiting = Callable[[int], None]
"""Told each second how many seconds are left until the next attempt."""

_STEP = 5
"""Seconds before the second attempt; each further pause is longer by as many."""

_BRIEFLY = 0.25
"""Seconds before the second attempt where nobody is told; doubled each time."""


def is_worth_it(error: RegistryError, attempt: int, limits: Limits) -> bool:
    """Tell whether another attempt may help: after a broken connection or a server's failure."""
    return attempt < limits.attempts and not 0 < error.status < 500


async def pause(attempt: int, limits: Limits, waiting: Waiting | None) -> None:
    """Wait after the attempt of this number; shorter if there is nobody to tell."""
    if waiting is None:
        await asyncio.sleep(limits.second * _BRIEFLY * 2 ** (attempt - 1))
        return
    for left in range(_STEP * attempt, 0, -1):
        waiting(left)
        await asyncio.sleep(limits.second)
