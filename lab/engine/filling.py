"""The image's content for a new container's empty volumes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab.engine.mount_points import VOLUME, MountPoint
from lab.engine.mounted import mounted
from lab.engine.volumes import Volumes
from lab.errors import InvalidParameter, LabError, SyscallError
from lab.kernel.openat2 import Resolve, openat2
from lab.snapshot.base import Snapshotter

_IN_ROOT = int(Resolve.IN_ROOT | Resolve.NO_MAGICLINKS)


def to_fill(points: Iterable[MountPoint], volumes: Volumes) -> list[MountPoint]:
    """Return the places whose volumes may get the image's content, or could not be mounted for it."""
    wanted = (
        point for point in points if point.type == VOLUME and point.copy and not point.subpath
    )
    return [point for point in wanted if _is_concerned(point, volumes)]


def _is_concerned(point: MountPoint, volumes: Volumes) -> bool:
    if volumes.get(point.name).is_plain:
        return not any(volumes.path(point.name).iterdir())
    return bool(volumes.mount_failure(point.name))


def fill(
    points: Sequence[MountPoint], volumes: Volumes, snapshots: Snapshotter, key: str, scratch: Path
) -> None:
    """Copy what the image has at `points` into their volumes, where these are still empty.

    Blocks; for a thread.  `key` is the container's snapshot, which is mounted for it.  Raises
    InvalidParameter if a file of the image is in the way of a volume that nobody asked for by name,
    LabError if a volume to be filled cannot be mounted.
    """
    with mounted(snapshots, key, scratch) as root:
        top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for point in points:
                with volumes.turns.of(point.name):
                    _fill(top, point, volumes)
        finally:
            os.close(top)


def _fill(root: int, point: MountPoint, volumes: Volumes) -> None:
    content = _directory(root, point)
    if content is None:
        return
    try:
        if failure := volumes.mount_failure(point.name):
            raise LabError(failure)
        # another container may have filled it meanwhile
        if not any(volumes.path(point.name).iterdir()):
            volumes.give(point.name, Path(f"/proc/self/fd/{content}"))
    finally:
        os.close(content)


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
