"""Keeps the guest's disk from promising more than the host can hold: by a file that takes the rest.

The file's blocks are allocated, and never written: on the host it takes nothing.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_SPARE = 96 << 20
"""Bytes left to the host: for others, and for what the file system itself writes."""

_OVERHEAD = 64 << 20
_LEAST = 16 << 20
"""Bytes that the engine needs to start, and to remove what takes the room."""

_STEP = 4 << 20


def adapt(filler: Path, free: int, allocated: int) -> None:
    """Size the file `filler` for a host with `free` bytes, that has `allocated` bytes to the disk.

    A disk that cannot do this is left as it is.
    """
    with contextlib.suppress(OSError):
        fd = os.open(filler, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            now = os.fstat(fd).st_blocks * 512
            state = os.fstatvfs(fd)
            block = state.f_frsize
            wanted = size_of_filler(
                state.f_blocks * block, state.f_bavail * block + now, free, allocated
            )
            if wanted < now:
                os.ftruncate(fd, wanted)
            elif wanted - now >= _STEP:
                os.posix_fallocate(fd, 0, wanted)
        finally:
            os.close(fd)


def size_of_filler(total: int, available: int, free: int, allocated: int) -> int:
    """Return how many bytes of a file system with `total` bytes may not be used.

    `available` bytes are not used by anything else.  What the host has allocated and the file
    system has freed again costs the host nothing.
    """
    reusable = max(0, allocated - (total - available) - _OVERHEAD)
    allowed = max(_LEAST, free - _SPARE + reusable)
    return max(0, available - allowed)
