"""A container's places: put together from all that names them, filled, and shown to the runtime."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.engine import volume_options
from lab.engine.mount_points import (
    BIND,
    TMPFS,
    VOLUME,
    MountPoint,
    anonymous,
    parse_volumes_from,
)
from lab.engine.mounted import mounted
from lab.engine.volumes import DRIVER, Volumes
from lab.errors import InvalidParameter, SyscallError, Unsupported
from lab.kernel.openat2 import Resolve, openat2
from lab.oci.fields import Json
from lab.oci.runtime_spec import Mount
from lab.snapshot.base import Snapshotter
from lab.snapshot.copies import copy_tree

_IN_ROOT = int(Resolve.IN_ROOT | Resolve.NO_MAGICLINKS)

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


@dataclass(frozen=True, slots=True)
class Filling:
    """A place whose volume may get the image's content; `alone` if nobody else has the volume."""

    point: MountPoint
    alone: bool


def fill(
    fillings: Sequence[Filling], volumes: Volumes, snapshots: Snapshotter, key: str, scratch: Path
) -> None:
    """Copy what an image has at the places of its new container into the volumes there.

    `fillings` are what `to_fill` returned.  Blocks; for a thread.  `key` is the container's
    snapshot, which is mounted for it.  Raises InvalidParameter if a file of the image is in the
    way of a volume that nobody asked for by name.
    """
    with mounted(snapshots, key, scratch) as root:
        top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for filling in fillings:
                with volumes.turns.of(filling.point.name):
                    _fill(top, filling, volumes)
        finally:
            os.close(top)


def to_fill(points: Iterable[MountPoint], volumes: Volumes) -> list[Filling]:
    """Return the places whose volumes may get the image's content."""
    return [
        Filling(point, len(volumes.users(point.name)) <= 1)
        for point in points
        if point.type == VOLUME
        and point.copy
        and not point.subpath
        and volumes.get(point.name).is_plain
        and not any(volumes.path(point.name).iterdir())
    ]


def _fill(root: int, filling: Filling, volumes: Volumes) -> None:
    content = _directory(root, filling.point)
    if content is None:
        return
    try:
        target = volumes.path(filling.point.name)
        if any(target.iterdir()):
            return  # filled by another container meanwhile
        source = Path(f"/proc/self/fd/{content}")
        if filling.alone:
            _replace(target, volumes.filling(filling.point.name), source, volumes)
        else:
            # somebody may be looking: what he sees must stay this folder
            copy_tree(source, target)
    finally:
        os.close(content)


def _replace(target: Path, beside: Path, source: Path, volumes: Volumes) -> None:
    """Give the empty folder `target` all of the content at once, or nothing."""
    volumes.fresh(beside)
    try:
        copy_tree(source, beside)
        os.rename(beside, target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _directory(root: int, point: MountPoint) -> int | None:
    """Open what the image has at a place; None if that is no directory."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return openat2(root, os.fsencode(point.destination), flags, 0, _IN_ROOT)
    except SyscallError as error:
        if error.errno == errno.ENOTDIR and point.anonymous:
            raise InvalidParameter(
                f"cannot mount volume over existing file, file exists {point.destination}"
            ) from None
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise
