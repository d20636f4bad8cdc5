"""Feeds: what happens at one place, handed to all who listen, in a bounded amount of memory."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

ROOM = 2000
"""Items that wait for one listener; of what comes while there is no room, only the number is kept."""

_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Missed:
    """In place of `count` items that a listener was too slow for."""

    count: int


class Feed(Generic[T]):
    """Hands items to listeners.  `tell` may be called in any thread, the rest in the loop's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[_Listener[T]] = []
        self._closed = False

    @property
    def heard(self) -> bool:
        """Whether anybody listens: if not, items need not even be made."""
        return bool(self._listeners)

    def tell(self, item: T) -> None:
        """Hand an item to all who listen now."""
        with self._lock:
            for listener in self._listeners:
                listener.put(item)

    async def listen(self) -> AsyncGenerator[T | Missed | None, None]:
        """Yield None at once, then items as they come; None again while nothing does.

        So the caller can see now and then whether anybody still wants them.  Ends with the feed.
        """
        listener: _Listener[T] = _Listener(asyncio.get_running_loop())
        with self._lock:
            self._listeners.append(listener)
        try:
            yield None
            while not self._closed:
                for item in await listener.take():
                    yield item
        finally:
            with self._lock:
                self._listeners.remove(listener)

    def close(self) -> None:
        """End what all listeners hear."""
        self._closed = True
        with self._lock:
            for listener in self._listeners:
                listener.wake.set()


class _Listener(Generic[T]):
    """What waits for one listener."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.wake = asyncio.Event()
        self._loop = loop
        self._items: deque[T] = deque()
        self._missed = 0

    def put(self, item: T) -> None:
        """Keep an item if there is room; the feed's lock is held."""
        if self._missed or len(self._items) >= ROOM:
            self._missed += 1
            return
        self._items.append(item)
        if len(self._items) == 1:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the engine has stopped
                self._loop.call_soon_threadsafe(self.wake.set)

    async def take(self) -> list[T | Missed | None]:
        """Return what has come, or, after a second without anything, None alone."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wake.wait(), _PAUSE)
        self.wake.clear()
        found: list[T | Missed | None] = []
        while self._items:
            found.append(self._items.popleft())
        if self._missed:
            found.append(Missed(self._missed))
            self._missed = 0
        return found or [None]
