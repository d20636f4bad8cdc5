"""The volumes of containers, from their creation to their removal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from lab.engine.container_mounts import provide, wanted
from lab.engine.filling import fill, to_fill
from lab.engine.layers import Layers
from lab.engine.volumes import Volumes
from lab.errors import LabError
from lab.snapshot.base import Snapshotter

if TYPE_CHECKING:
    from lab.engine.containers import Container


class Places:
    """Decides what containers see where, and keeps the volumes for it.

    Belongs to the event loop's thread.
    """

    def __init__(self, volumes: Volumes, snapshots: Snapshotter, layers: Layers) -> None:
        self.volumes = volumes
        self._snapshots = snapshots
        self._layers = layers

    def provide(self, container: Container, find: Callable[[str], Container]) -> None:
        """Write into a new container's record what it is to see where; make the volumes for it.

        The container is unfinished until `fill` has been called, if there is something to fill.
        """
        record = container.record
        points = wanted(
            container.settings.points,
            [mount.destination for mount in container.settings.tmpfs],
            record.config,
            record.host,
            lambda name: find(name).record.mounts,
        )
        record.mounts = provide(points, self.volumes, record.host.get("VolumeDriver") or "")
        record.unfinished = bool(to_fill(record.mounts, self.volumes))

    async def fill(self, container: Container) -> None:
        """Copy the image's content into a new container's empty volumes; the lock must be held."""
        points = to_fill(container.record.mounts, self.volumes)
        place = self._layers.scratch
        await asyncio.to_thread(fill, points, self.volumes, self._snapshots, container.id, place)

    def remove_anonymous(self, container: Container) -> None:
        """Remove those volumes of a removed container that nobody named and nobody else has."""
        for point in container.record.mounts:
            if point.anonymous:
                with suppress(LabError):  # in use, or removed already
                    self.volumes.remove(point.name)


def having(containers: Iterator[Container], volume: str) -> list[str]:
    """Return the ids of those of the containers that have a volume."""
    return [
        each.id for each in containers if any(point.name == volume for point in each.record.mounts)
    ]
