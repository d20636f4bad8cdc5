"""A volume's folder, and its first content: all of it or nothing, whenever the engine ends.

FOLDER/_data       what containers see
FOLDER/_filling    content on its way there, not whole yet: after a crash it is thrown away
FOLDER/_filled     whole content; its members are moved one by one, after a crash the rest of them
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from lab.snapshot.copies import copy_tree, describe_as

DATA, FILLING, FILLED = "_data", "_filling", "_filled"


def give(folder: Path, source: Path, fresh: Callable[[Path], None]) -> None:
    """Copy all that is in `source` into the empty volume in `folder`.

    Whoever looks at it meanwhile keeps seeing the same directory.  `fresh` makes an empty one.
    """
    beside = folder / FILLING
    fresh(beside)
    try:
        copy_tree(source, beside)
        os.rename(beside, folder / FILLED)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    finish(folder)


def finish(folder: Path) -> None:
    """Move whole content to its place, if there is any left to be moved."""
    filled, data = folder / FILLED, folder / DATA
    if not filled.exists():
        return
    for name in os.listdir(filled):
        # what a container has made there meanwhile is newer
        if not os.path.lexists(data / name):
            os.rename(filled / name, data / name)
    describe_as(filled, data)
    shutil.rmtree(filled)
