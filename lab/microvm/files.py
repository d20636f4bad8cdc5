"""Files that are made whole or not at all, by one set-up at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import Unavailable

_NEEDED_MB = 700


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Wait until no other process makes parts in `folder`; make the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def replacing(*targets: Path) -> Iterator[list[Path]]:
    """Give names beside the targets; the files there take their places if all goes well."""
    beside = [target.with_name(f".{target.name}.new") for target in targets]
    try:
        yield beside
        for new, target in zip(beside, targets, strict=True):
            new.chmod(0o644)
            os.replace(new, target)
    finally:
        for new in beside:
            new.unlink(missing_ok=True)


@contextmanager
def readable_disk_errors(folder: Path) -> Iterator[None]:
    """Turn "no space left" into a sentence that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Unavailable(
            f"no space left on device: the microVM needs about {_NEEDED_MB} MB in {folder}",
            "Make room there, then run the set-up again.",
        ) from error
