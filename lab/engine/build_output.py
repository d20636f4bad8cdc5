"""From a step's container to the build: its output, carried from the event loop to a thread."""

from __future__ import annotations

import asyncio
import queue
import threading

from lab.runtime.stdio import STDOUT, Streams

_LIMIT = 1 << 20
"""Bytes that may wait; the container's output is held back then."""


class StepOutput:
    """A client of a container's streams (lab.runtime.stdio.Client) that a thread reads from."""

    def __init__(self, streams: Streams, loop: asyncio.AbstractEventLoop) -> None:
        self._streams = streams
        self._loop = loop
        self._queue: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()

    # --- the event loop's side

    def send(self, stream: int, data: bytes) -> None:
        with self._lock:
            self._waiting += len(data)
        self._queue.put((stream, data))

    def ready(self) -> bool:
        return self._waiting < _LIMIT

    def finish(self) -> None:
        self._queue.put(None)

    # --- the thread's side

    def take(self, seconds: float) -> tuple[str, bytes] | None:
        """Return the name of a stream and what came from it; None at the end of the output.

        Raises TimeoutError if nothing came for so long.
        """
        try:
            item = self._queue.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None
        if item is None:
            return None
        stream, data = item
        with self._lock:
            was_full = self._waiting >= _LIMIT
            self._waiting -= len(data)
            has_room = self._waiting < _LIMIT
        if was_full and has_room:
            self._loop.call_soon_threadsafe(self._streams.resume)
        return ("stdout" if stream == STDOUT else "stderr"), data
