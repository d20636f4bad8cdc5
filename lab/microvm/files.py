"""Files that are made whole or not at all, by one set-up at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.catalog.making import only_one, readable_disk_errors

_NEEDED_MB = 700


@contextmanager
def making(folder: Path) -> Iterator[None]:
    """Make `folder`, and be the only process that makes parts in it; a full disk is told."""
    folder.mkdir(parents=True, exist_ok=True)
    need = readable_disk_errors("the microVM needs", _NEEDED_MB, f"in {folder}")
    with only_one(folder / ".lock"), need:
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
