"""Looking into a snapshot from the engine itself: mounted for a moment, then gone again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.kernel import syscalls
from lab.kernel.flags import MNT, MS
from lab.oci.runtime_spec import Mount
from lab.runtime.rootfs import split_options
from lab.snapshot.base import Snapshotter

PREFIX = "mounted-"
"""How the names of the folders begin on which something is mounted."""


@contextmanager
def mounted(snapshots: Snapshotter, key: str, scratch: Path) -> Iterator[Path]:
    """Mount an active snapshot or a view below `scratch`; yield the directory that shows it.

    The working directory must be `snapshots.base`, since overlay's options are relative to it.
    Whoever holds files open in it must let go of them before the block ends.  Raises SyscallError
    where mounting is refused.  Source: mount(2), umount2(2).
    """
    place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=scratch))
    try:
        performed = 0
        try:
            for mount in snapshots.mounts(key):
                _perform(mount, place)
                performed += 1
            yield place
        finally:
            for _ in range(performed):
                # also where something is still open: nothing may stay mounted
                syscalls.umount2(str(place), MNT.DETACH)
    finally:
        place.rmdir()


def _perform(mount: Mount, place: Path) -> None:
    flags, data = split_options(mount.options)
    syscalls.mount(mount.source, str(place), mount.type or None, flags, data or None)
    if flags & MS.BIND and flags & MS.RDONLY:
        # a bind takes its flags from the source; only a second call sets them
        syscalls.mount(None, str(place), None, MS.REMOUNT | MS.BIND | MS.RDONLY)
