"""A container's places: put together from all that names them, and shown to the runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from lab.engine import volume_options
from lab.engine.mount_points import (
    BIND,
    TMPFS,
    VOLUME,
    MountPoint,
    anonymous,
    parse_volumes_from,
)
from lab.engine.volumes import DRIVER, Volumes
from lab.errors import InvalidParameter, Unsupported
from lab.oci.fields import Json
from lab.oci.runtime_spec import Mount

Lookup = Callable[[str], Sequence[MountPoint]]
"""Returns the places of the container that a name means; NotFound."""


def wanted(
    asked: Iterable[MountPoint], taken: Iterable[str], config: Json, host: Json, lookup: Lookup
) -> list[MountPoint]:
    """Return the places of a new container: other containers' volumes, then what is `asked`, then
    the volumes of Config.

    `taken` are destinations of --tmpfs.  As in Docker: a later kind replaces an earlier one at the
    same place, twice the same is refused (InvalidParameter), and a volume of Config gives way.
    """
    places: dict[str, MountPoint] = {}
    for text in host["VolumesFrom"] or ():
        name, writable = parse_volumes_from(text)
        for point in lookup(name):
            places[point.destination] = replace(point, rw=point.rw and writable, copy=False)
    seen = set(taken)
    for point in asked:
        if point.destination in seen:
            raise InvalidParameter(f"Duplicate mount point: {point.destination}")
        seen.add(point.destination)
        places[point.destination] = point
    for path in config["Volumes"] or ():
        point = anonymous(path)
        if point.destination not in places and point.destination not in taken:
            places[point.destination] = point
    return list(places.values())


def provide(points: Iterable[MountPoint], volumes: Volumes, driver: str) -> list[MountPoint]:
    """Make the volumes that are not there yet; return the places with what is known of them now.

    `driver` is --volume-driver.  Raises what Volumes.create does.
    """
    return [_provided(point, volumes, driver) for point in points]


def _provided(point: MountPoint, volumes: Volumes, driver: str) -> MountPoint:
    if point.type != VOLUME or point.source:
        return point
    volume = volumes.create(point.name, point.driver or driver, point.driver_options, point.labels)
    if point.subpath and not volume.is_plain:
        raise Unsupported(f"this engine shows no part of {volume.name}, which has mount options")
    path = volumes.path(volume.name)
    return replace(point, name=volume.name, driver=DRIVER, source=str(path))


def runtime_mounts(points: Iterable[MountPoint], volumes: Volumes) -> list[Mount]:
    """Return what the runtime is to mount, what lies above something else first."""
    return in_order(_runtime_mount(point, volumes) for point in points)


def in_order(mounts: Iterable[Mount]) -> list[Mount]:
    """Return mounts so that none covers one that is inside it."""
    return sorted(mounts, key=lambda mount: mount.destination.rstrip("/").count("/"))


def _runtime_mount(point: MountPoint, volumes: Volumes) -> Mount:
    if point.type == TMPFS:
        return Mount(point.destination, TMPFS, TMPFS, point.words)
    access = "rw" if point.rw else "ro"
    if point.type == BIND:
        return Mount(point.destination, "bind", point.source, ("rbind", "idmap", access))
    options = volumes.get(point.name).options or {}
    if volume_options.is_readonly(options):
        access = "ro"
    if volume_options.is_bind(options):
        return Mount(point.destination, "bind", options["device"], ("rbind", "idmap", access))
    if point.subpath:
        within = f"within={point.source}"
        return Mount(point.destination, "bind", point.subpath, ("rbind", "own", within, access))
    return Mount(point.destination, "bind", point.source, ("rbind", "own", access))
