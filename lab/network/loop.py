"""A thread that waits for files and for the time, and does what other threads ask of it."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from lab.errors import Unavailable

PAUSE = 0.05
"""Seconds of rest after something has failed, so that failures without end do not take all time."""

_CALL_LIMIT = 10.0

_log = logging.getLogger(__name__)


class Loop:
    """Runs from the first `call` to `close`.

    What is registered with `selector` has a function of the events as its data.  `patience()` is
    how many seconds may pass until `on_time()` is to be called, None for any.
    """

    def __init__(
        self, name: str, patience: Callable[[], float | None], on_time: Callable[[], None]
    ) -> None:
        self.selector = selectors.DefaultSelector()
        self._name = name
        self._patience = patience
        self._on_time = on_time
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.selector.register(self._wake, selectors.EVENT_READ, lambda _: None)
        self._calls: deque[tuple[Callable[[], None], Future[None]]] = deque()
        self._lock = threading.Lock()
        self._running = True
        self._thread: threading.Thread | None = None

    def call(self, work: Callable[[], None]) -> None:
        """Let the thread do something, and wait until it has; Unavailable after the end."""
        done: Future[None] = Future()
        with self._lock:
            if not self._running:
                raise Unavailable(f"the thread {self._name} has ended")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._calls.append((work, done))
            os.eventfd_write(self._wake, 1)
        done.result(_CALL_LIMIT)

    def close(self, last: Callable[[], None]) -> None:
        """End the thread, which does `last` before."""
        if self._thread is not None:
            self.call(last)
        with self._lock:
            self._running = False
            os.eventfd_write(self._wake, 1)
        if self._thread is not None:
            self._thread.join()
        self.selector.close()
        os.close(self._wake)

    def _run(self) -> None:
        while self._running:
            for key, events in self.selector.select(self._patience()):
                self._guarded(partial(key.data, events))
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
            self._do_calls()
            self._guarded(self._on_time)

    def _guarded(self, step: Callable[[], None]) -> None:
        """Do something whose failure must not end the thread."""
        try:
            step()
        except Exception:
            _log.exception("a step of the thread %s failed", self._name)
            time.sleep(PAUSE)

    def _do_calls(self) -> None:
        while self._calls:
            work, done = self._calls.popleft()
            try:
                work()
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)
