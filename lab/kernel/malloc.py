"""Asking the C library to give memory back.  Source: mallopt(3)."""

from __future__ import annotations

import ctypes

_MMAP_THRESHOLD = -3
_THRESHOLD = 2 << 20


def keep_small() -> None:
    """Take large blocks from the kernel one by one, so that freeing them shrinks the process.

    By default glibc raises its threshold with use, and keeps what password hashing and layers
    needed for good.  A C library without mallopt is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _THRESHOLD)
