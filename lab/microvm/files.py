"""Files that are made whole or not at all, by one set-up at a time."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.catalog.making import only_one, readable_disk_errors
from lab.sandbox.vm import program, snapshot

WORK = ".work-"
_NEEDED_MB = 700
_LEFT_OVERS = (WORK, snapshot.LEFT_OVER, program.LEFT_OVER)
_AGE = 600.0
"""Seconds after which nobody is still making it."""


@contextmanager
def making(folder: Path) -> Iterator[None]:
    """Make `folder`, and be the only process that makes parts in it; a full disk is told."""
    folder.mkdir(parents=True, exist_ok=True)
    need = readable_disk_errors("the microVM needs", _NEEDED_MB, f"in {folder}")
    with only_one(folder / ".lock"), need:
        _sweep(folder)
        yield


def _sweep(folder: Path) -> None:
    """Remove what was being made when its maker was killed."""
    for beginning in _LEFT_OVERS:
        for path in folder.glob(f"{beginning}*"):
            with suppress(OSError):
                if time.time() - path.lstat().st_mtime < _AGE:
                    continue  # somebody may be at it
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()


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
