"""A small event loop: files that are ready, moments that have come, work for the end of a round.

Single-threaded, for the launcher on the host and the first process of the guest, which both must
stay so.  Callbacks run one after the other; what one of them raises ends the round.
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import time
from collections.abc import Callable
from typing import Any

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

Action = Callable[[int], None]
"""Is called with the events that have come: READ, WRITE or both."""


class Timer:
    """A moment that something waits for; it may be given up."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class Loop:
    """Call `turn` again and again."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._soon: list[Callable[[], None]] = []

    def watch(self, source: Any, events: int, action: Action) -> None:
        """Call `action` whenever `source`, a descriptor or what has `fileno`, is ready."""
        self._selector.register(source, events, action)

    def change(self, source: Any, before: int, after: int, action: Action) -> None:
        """Wait for other events of `source`; 0 for none, which also hides that it was closed."""
        if before and after:
            self._selector.modify(source, after, action)
        elif after:
            self._selector.register(source, after, action)
        elif before:
            self._selector.unregister(source)

    def forget(self, source: Any) -> None:
        """Watch `source` no more; do so before it is closed."""
        self._selector.unregister(source)

    def soon(self, action: Callable[[], None]) -> None:
        """Call `action` once, at the end of this round."""
        self._soon.append(action)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call `action` once, in so many seconds."""
        timer = Timer(action)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def turn(self, limit: float | None = None) -> None:
        """Wait until something is to be done, at most `limit` seconds, and do it."""
        for key, events in self._selector.select(self._patience(limit)):
            # an earlier callback of this round may have given it up
            if self._selector.get_map().get(key.fd) is key:
                key.data(events)
        self._ring()
        while self._soon:
            due, self._soon = self._soon, []
            for action in due:
                action()

    def close(self) -> None:
        self._selector.close()

    def _patience(self, limit: float | None) -> float | None:
        if self._soon:
            return 0.0
        while self._timers and self._timers[0][2].action is None:
            heapq.heappop(self._timers)
        if self._timers:
            left = max(0.0, self._timers[0][0] - time.monotonic())
            return left if limit is None else min(left, limit)
        return limit

    def _ring(self) -> None:
        now = time.monotonic() if self._timers else 0.0
        while self._timers and self._timers[0][0] <= now:
            action = heapq.heappop(self._timers)[2].action
            if action is not None:
                action()
