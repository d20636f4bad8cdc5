"""Containers between two runs: those that wait for their restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from lab.engine.containers import Container, Containers
from lab.engine.logged import logged
from lab.engine.restart_policy import next_delay
from lab.engine.signals import runtime_failure
from lab.engine.state import Status
from lab.errors import LabError

Start = Callable[[Container], Awaitable[None]]


class Restarts:
    """Decides about restarts and carries them out.  Belongs to the event loop's thread."""

    def __init__(
        self, containers: Containers, start: Start, given_up: Callable[[Container], None]
    ) -> None:
        """`start` starts a container whose lock is held; `given_up` is told that none follows."""
        self._containers = containers
        self._start = start
        self._given_up = given_up

    def renew(self, container: Container) -> None:
        """Forget what was: a user starts the container."""
        container.restart_delay = 0.0
        container.restart_cancelled.clear()
        container.record.stopped_by_hand = False
        container.record.restart_count = 0

    def cancel(self, container: Container, by_hand: bool) -> None:
        """Restart a container no more at the end of this run, and end a wait at once."""
        container.restart_cancelled.set()
        container.record.stopped_by_hand = container.record.stopped_by_hand or by_hand

    def decide(self, container: Container, exit_code: int, lasted: float) -> bool:
        """Return whether a run that ended is followed by another, and note the delay."""
        if container.restart_cancelled.is_set():
            return False
        record = container.record
        policy = container.settings.restart
        if not policy.wants(exit_code, record.restart_count, record.stopped_by_hand):
            return False
        record.restart_count += 1
        container.restart_delay = next_delay(container.restart_delay, lasted)
        return True

    async def run(self, container: Container) -> None:
        """Wait as long as decided, and start the container; the end of the wait if cancelled."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(container.restart_cancelled.wait(), container.restart_delay)
        async with container.lock:
            if container.status is not Status.RESTARTING:
                return
            if not container.restart_cancelled.is_set():
                try:
                    await self._start(container)
                except (LabError, OSError) as error:
                    container.record.state.error = runtime_failure(error).message
                else:
                    return
            container.record.state.status = Status.EXITED
            with logged("the end of a container's restarts"):
                self._containers.save(container)
            self._given_up(container)
