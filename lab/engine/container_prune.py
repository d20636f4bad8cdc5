"""Which containers `docker container prune` removes.  Source: Docker Engine API, ContainerPrune."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from lab.engine.containers import Container, Containers
from lab.engine.image_list import Filters
from lab.engine.lifecycle import Lifecycle
from lab.engine.moments import parse_limit, parse_moment
from lab.engine.state import Status
from lab.engine.volume_list import has_labels
from lab.errors import InvalidParameter, LabError
from lab.journal import Journal
from lab.snapshot.base import Snapshotter

PRUNE_FILTERS = frozenset(("label", "label!", "until"))

_OVER = (Status.CREATED, Status.EXITED, Status.DEAD)


@dataclass(frozen=True, slots=True)
class PrunedContainers:
    """The ids of the containers that a pruning removed, and the bytes of what they had written."""

    ids: tuple[str, ...]
    reclaimed: int


async def prune(
    containers: Containers,
    lifecycle: Lifecycle,
    snapshots: Snapshotter,
    journal: Journal,
    filters: Filters,
) -> PrunedContainers:
    """Remove the containers that do not run and that the filters choose; their volumes stay.

    InvalidParameter for malformed filters.
    """
    limit = until(filters)
    removed, reclaimed = [], 0
    for container in containers.all():
        if not _is_wanted(container, filters, limit):
            continue
        try:
            size = await asyncio.to_thread(snapshots.usage, container.id)
            await lifecycle.remove(container)
        except (LabError, FileNotFoundError):
            continue  # started or removed meanwhile
        removed.append(container.id)
        reclaimed += size
    journal.append("container", "prune", "", {"reclaimed": str(reclaimed)})
    return PrunedContainers(tuple(removed), reclaimed)


def until(filters: Filters) -> int | None:
    """Return the moment of an `until` filter, in microseconds since the epoch; None without one."""
    limits = filters.get("until", ())
    if len(limits) > 1:
        raise InvalidParameter("more than one until filter specified")
    return parse_limit(limits[0], time.time()) if limits else None


def _is_wanted(container: Container, filters: Filters, limit: int | None) -> bool:
    if container.status not in _OVER or not has_labels(container.record.config["Labels"], filters):
        return False
    return limit is None or (parse_moment(container.record.created) or 0) <= limit
