"""What every step of the set-up that fills a disk needs: one at a time, and words for a full disk."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import Unavailable


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Wait until no other process holds the file `lock`, which is made, and hold it."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def readable_disk_errors(what: str, megabytes: int, where: str) -> Iterator[None]:
    """Turn "no space left" into a sentence: `what` needs so many `megabytes`, `where`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Unavailable(
            f"no space left on device: {what} about {megabytes} MB {where}",
            "Make room there, then run the set-up again.",
        ) from error
