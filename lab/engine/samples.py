"""What a container's control group allows and uses: once, or again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from lab.engine.containers import Container, Containers
from lab.errors import InvalidParameter, NotFound
from lab.runtime.cgroups import CgroupManager, Sample

SHORTEST, LONGEST = 0.1, 60.0
"""Seconds between two samples of one stream."""


@dataclass(frozen=True, slots=True)
class GroupSample:
    """One look; `version` is the kernel's interface (1 or 2), None where the host gives no groups.

    Of a container that does not run there is no group: then all of `sample` is unknown.
    """

    container: str
    at_ns: int
    running: bool
    version: int | None
    sample: Sample


class Samples:
    """Looks at control groups; belongs to the event loop's thread."""

    def __init__(
        self, groups: CgroupManager, hierarchies: Mapping[str, str], containers: Containers
    ) -> None:
        self._groups = groups
        self._version = (2 if "unified" in hierarchies else 1) if hierarchies else None
        self._containers = containers
        self._closed = asyncio.Event()

    async def of(self, container: Container) -> GroupSample:
        """Return what the group of a container is now."""
        running = container.record.state.is_running
        sample = Sample()
        if running:
            sample = await asyncio.to_thread(self._groups.sample, container.id)
        return GroupSample(container.id, time.time_ns(), running, self._version, sample)

    async def follow(
        self, container: Container, seconds: float
    ) -> AsyncGenerator[GroupSample, None]:
        """Yield a sample, and another after each `seconds`; ends with the container's removal.

        Raises InvalidParameter if `seconds` is too short or too long.
        """
        if not SHORTEST <= seconds <= LONGEST:
            raise InvalidParameter(f"interval must be from {SHORTEST} to {LONGEST:.0f} seconds")
        while True:
            yield await self.of(container)
            if await self._closed_within(seconds):
                return
            try:
                self._containers.get(container.id)
            except NotFound:
                return

    def close(self) -> None:
        """End what is followed."""
        self._closed.set()

    async def _closed_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._closed.wait(), seconds)
        except TimeoutError:
            return False
        return True
