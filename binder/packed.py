"""Keeps a large file of mostly zeros small in a container image.

    packed.py pack FILE      FILE becomes FILE.gz
    packed.py unpack FILE    FILE.gz becomes FILE, with holes for zeros, unless FILE is there

The memory of a saved virtual machine has 320 MB, a tenth of that when packed.  An image stores no
holes, and what is in one is stored on every machine that has pulled it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from isal import igzip

_PAGE = 1 << 16
_LEVEL = 2


def pack(path: Path) -> None:
    """Replace a file by a compressed one beside it."""

    def write(target: Path) -> None:
        with path.open("rb") as source, igzip.open(target, "wb", compresslevel=_LEVEL) as output:
            while data := source.read(_PAGE):
                output.write(data)

    _complete(path.with_name(f"{path.name}.gz"), write)
    path.unlink()


def unpack(path: Path) -> bool:
    """Make the file from the compressed one; return whether that was needed.  Raises OSError."""
    packed = path.with_name(f"{path.name}.gz")
    if path.exists() or not packed.exists():
        return False

    def write(target: Path) -> None:
        with igzip.open(packed, "rb") as source, target.open("wb") as output:
            nothing = bytes(_PAGE)
            while data := source.read(_PAGE):
                if data == nothing:
                    output.seek(len(data), os.SEEK_CUR)
                else:
                    output.write(data)
            output.truncate()

    _complete(path, write)
    return True


def _complete(path: Path, write: Callable[[Path], None]) -> None:
    """Write beside `path` and rename, so that it is never there by half."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    try:
        write(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def main(argv: list[str]) -> int:
    """Do what the command line says; what cannot be done is told in a sentence."""
    try:
        {"pack": pack, "unpack": unpack}[argv[0]](Path(argv[1]))
    except (OSError, EOFError) as error:
        print(f"packed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
