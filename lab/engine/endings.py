"""Signals to containers: those that users send, and those that ask for the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from lab.engine.containers import Container, Containers
from lab.engine.logged import logged
from lab.engine.pausing import Pausing
from lab.engine.restarts import Restarts
from lab.engine.signals import ends, stop_seconds, stop_signal
from lab.engine.state import Status, check
from lab.engine.waiters import add_waiter
from lab.errors import NotModified


class Endings:
    """Sends signals.  Belongs to the event loop's thread."""

    def __init__(self, containers: Containers, restarts: Restarts, pausing: Pausing) -> None:
        self._containers = containers
        self._restarts = restarts
        self._pausing = pausing
        self.by_hand = True
        """Whether it is users who send signals: not while the engine itself stops."""

    async def kill(self, container: Container, number: int) -> None:
        """Send a signal; SIGKILL is answered when the container has ended."""
        async with container.lock:
            check("kill", container.id, container.status)
            ended = add_waiter(container.exits) if number == signal.SIGKILL else None
            await self._signal(container, number)
        if ended is not None:
            await ended

    async def stop(self, container: Container, seconds: int | None, number: int | None) -> None:
        """Ask a container to end, and kill it if it has not after `seconds` (-1: never).

        `number` is another signal than the container's own.  Raises NotModified if it has ended.
        """
        async with container.lock:
            if not container.record.state.is_running:
                raise NotModified("container is already stopped")
            ended = add_waiter(container.exits)
            await self._signal(container, number or stop_signal(container.record.config))
        limit = stop_seconds(container.record.config) if seconds is None else seconds
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended), None if limit < 0 else limit)
        if not ended.done():
            await self._signal(container, signal.SIGKILL)
            await ended
        self._containers.log_event(container, "stop")

    async def _signal(self, container: Container, number: int) -> None:
        is_end = ends(container.record.config, number)
        if is_end:
            self._restarts.cancel(container, self.by_hand)
        if container.task is None:
            return
        container.task.signal(number)
        if is_end and container.status is Status.PAUSED:
            # it takes the signal when it goes on
            with logged("the resuming of a container"):
                await self._pausing.resume(container)
        with logged("the journal's entry of a signal"), self._containers.together():
            self._containers.save(container)
            self._containers.log_event(container, "kill", signal=str(int(number)))
