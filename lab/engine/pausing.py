"""Containers that are held still: `docker pause`."""

from __future__ import annotations

import asyncio
from typing import Protocol

from lab.engine.containers import Container, Containers
from lab.engine.state import Status, check
from lab.errors import LabError
from lab.runtime.cgroups import CgroupManager
from lab.runtime.standstill import Standstill


class Watcher(Protocol):
    """What rests while a container is paused."""

    def ended(self, container: Container) -> None: ...
    def resumed(self, container: Container) -> None: ...


class Pausing:
    """Pauses and resumes.  Belongs to the event loop's thread.

    Where the host lends a freezer, the kernel holds the processes; elsewhere they are stopped one
    by one, which they can notice only by a SIGCONT when they go on.
    """

    def __init__(self, containers: Containers, cgroups: CgroupManager) -> None:
        self._containers = containers
        self._cgroups = cgroups
        self._still: dict[str, Standstill] = {}
        self._watchers: list[Watcher] = []

    def accompany(self, watcher: Watcher) -> None:
        """Tell `watcher` when a run is interrupted, and when it goes on."""
        self._watchers.append(watcher)

    async def pause(self, container: Container) -> None:
        """Hold all processes of a container; Conflict if it does not run, or is paused already."""
        async with container.lock:
            await self.hold(container)

    async def hold(self, container: Container) -> None:
        """Pause a container whose lock is held."""
        check("pause", container.id, container.status)
        if container.task is None:
            raise LabError(f"cannot pause container {container.id}: it has ended")
        try:
            await asyncio.to_thread(self._freeze, container.id, container.task.pid)
        except OSError as error:
            raise LabError(f"cannot pause container {container.id}: {error.strerror}") from None
        for watcher in self._watchers:
            watcher.ended(container)
        self._note(container, Status.PAUSED, "pause")

    async def unpause(self, container: Container) -> None:
        """Let a paused container go on; LabError in Docker's words if it is not paused."""
        async with container.lock:
            if container.status is not Status.PAUSED:
                raise LabError(f"Container {container.id} is not paused")
            await self.resume(container)

    async def resume(self, container: Container) -> None:
        """Let a paused container go on, whose lock is held or which is being ended."""
        await asyncio.to_thread(self._thaw, container.id)
        if container.status is Status.PAUSED:
            for watcher in self._watchers:
                watcher.resumed(container)
            self._note(container, Status.RUNNING, "unpause")

    async def hold_new(self, container: Container) -> None:
        """Hold also what has begun to run in a container while it was being paused."""
        still = self._still.get(container.id)
        if container.status is Status.PAUSED and still is not None:
            await asyncio.to_thread(still.stop)

    def began(self, container: Container) -> None:
        self._still.pop(container.id, None)

    def ended(self, container: Container) -> None:
        self._still.pop(container.id, None)

    def _note(self, container: Container, status: Status, action: str) -> None:
        container.record.state.status = status
        with self._containers.together():
            self._containers.save(container)
            self._containers.log_event(container, action)

    def _freeze(self, name: str, pid: int) -> None:
        if self._cgroups.supports("freezer"):
            self._cgroups.freeze(name, True)
            return
        still = self._still[name] = Standstill(pid)
        still.stop()

    def _thaw(self, name: str) -> None:
        still = self._still.pop(name, None)
        if still is not None:
            still.resume()
        elif self._cgroups.supports("freezer"):
            self._cgroups.freeze(name, False)
