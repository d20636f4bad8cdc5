"""Which volumes are listed and pruned.  Source: Docker Engine API, VolumeList and VolumePrune."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.engine.image_list import Filters, boolean
from lab.engine.volumes import ANONYMOUS, DRIVER, Volume, Volumes
from lab.errors import Conflict, InvalidParameter, NotFound
from lab.oci.fields import Json
from lab.snapshot.shelf import size_of

LIST_FILTERS = frozenset(("dangling", "driver", "label", "name"))
PRUNE_FILTERS = frozenset(("all", "label", "label!"))


@dataclass(frozen=True, slots=True)
class PrunedVolumes:
    """The names of the volumes that a pruning removed, and the bytes of their files."""

    names: tuple[str, ...]
    reclaimed: int


def select(volumes: Volumes, filters: Filters) -> list[Volume]:
    """Return the volumes to list, by name; InvalidParameter for malformed filters."""
    drivers, names = filters.get("driver", ()), filters.get("name", ())
    dangling = boolean(filters, "dangling", None)
    found = [] if drivers and DRIVER not in drivers else volumes.all()
    if names:
        patterns = [_pattern(name) for name in names]
        found = [each for each in found if any(p.search(each.name) for p in patterns)]
    if dangling is not None:
        found = [each for each in found if dangling is not bool(volumes.users(each.name))]
    return [each for each in found if has_labels(each.labels or {}, filters)]


async def prune(volumes: Volumes, filters: Filters) -> PrunedVolumes:
    """Remove the volumes that no container has: those without a name, with `all` the others too.

    Those with mount options stay, since nothing would be gained.  InvalidParameter for malformed
    filters.
    """
    if not boolean(filters, "all", False):
        filters = {**filters, "label": (*filters.get("label", ()), ANONYMOUS)}
    removed, reclaimed = [], 0
    for volume in volumes.all():
        if not (volume.is_plain and has_labels(volume.labels or {}, filters)):
            continue
        if volumes.users(volume.name):
            continue
        freed = await size(volumes, volume)
        try:
            volumes.remove(volume.name)
        except (Conflict, NotFound):
            continue  # somebody was quicker
        removed.append(volume.name)
        reclaimed += freed
    volumes.log_prune(reclaimed)
    return PrunedVolumes(tuple(removed), reclaimed)


async def size(volumes: Volumes, volume: Volume) -> int:
    """Return the bytes of a volume's files; -1 where they are not its own."""
    if not volume.is_plain:
        return -1
    try:
        return await asyncio.to_thread(size_of, volumes.path(volume.name))
    except FileNotFoundError:
        return 0


def has_labels(labels: Mapping[str, str], filters: Filters) -> bool:
    """Return whether labels satisfy `label` (all of them) and `label!` (not all of them)."""
    if not _has_all(labels, filters.get("label", ())):
        return False
    unwanted = filters.get("label!", ())
    return not unwanted or not _has_all(labels, unwanted)


def _has_all(labels: Mapping[str, str], wanted: Sequence[str]) -> bool:
    for text in wanted:
        name, equals, value = text.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True


def _pattern(name: str) -> re.Pattern[str]:
    try:
        return re.compile(name)
    except re.error:
        raise InvalidParameter(f"invalid filter 'name={name}'") from None


def shown(volume: Volume, path: Path) -> Json:
    """Return what `docker volume inspect` shows of a volume that lies at `path`."""
    return {
        "CreatedAt": volume.created,
        "Driver": DRIVER,
        "Labels": volume.labels,
        "Mountpoint": str(path),
        "Name": volume.name,
        "Options": volume.options,
        "Scope": "local",
    }
