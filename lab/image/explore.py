"""What a layer holds, entry by entry, for people who look into images."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lab.image.streams import decompress
from lab.image.tar import (
    KIND_OF_TYPE,
    OPAQUE_NAME,
    WHITEOUT_PREFIX,
    Kind,
    Member,
    display,
    safe_parts,
)
from lab.image.tar_reader import TarReader
from lab.kernel import trees
from lab.kernel.openat2 import open_beneath
from lab.kernel.trees import Node

WHITEOUT = "whiteout"
OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """One entry: an absolute path in the image, what is there, its bytes and permission bits.

    `kind` is a value of tar.Kind (`file`, `directory`, `symlink`, ...), or `whiteout` (the layer
    deletes `path`), or `opaque` (it hides what lower layers have in the directory `path`).
    `link` is where a symbolic or hard link points.
    """

    path: str
    kind: str
    size: int = 0
    mode: int = 0
    link: str = ""


def layer_entries(source: Path | BinaryIO) -> Iterator[LayerEntry]:
    """Yield the entries of a layer: of an upper directory, or of an archive, plain or compressed.

    A directory comes before what is in it.  Raises InvalidParameter for a malformed archive and
    UnsafePath for a name that leads out of it.
    """
    if isinstance(source, Path):
        return _of_directory(source)
    return _of_archive(source)


def _of_archive(blob: BinaryIO) -> Iterator[LayerEntry]:
    for member in TarReader(decompress(blob, "")):
        parts = safe_parts(member.name)
        if not parts:
            continue
        *parents, name = parts
        if name == OPAQUE_NAME:
            yield LayerEntry(_absolute(parents), OPAQUE)
        elif name.startswith(WHITEOUT_PREFIX):
            yield LayerEntry(_absolute([*parents, name.removeprefix(WHITEOUT_PREFIX)]), WHITEOUT)
        else:
            yield _entry(_absolute(list(parts)), member)


def _entry(path: str, member: Member) -> LayerEntry:
    is_link = member.kind in (Kind.SYMLINK, Kind.HARDLINK)
    link = display(member.link) if is_link else ""
    if member.kind is Kind.HARDLINK:
        link = _absolute(list(safe_parts(member.link, "hardlink target")))
    return LayerEntry(path, member.kind.value, member.size, member.mode, link)


def _of_directory(upper: Path) -> Iterator[LayerEntry]:
    first_names: dict[tuple[int, int], str] = {}
    with trees.opened(upper) as root:
        for node in trees.walk(root):
            path = "/" + display(node.path)
            kind = KIND_OF_TYPE.get(stat.S_IFMT(node.stat.st_mode))
            if trees.is_whiteout(node.stat):
                yield LayerEntry(path, WHITEOUT)
            elif kind is not None:
                yield _present(root, node, path, kind, first_names)
                if kind is Kind.DIRECTORY and trees.is_opaque(root, node.path):
                    yield LayerEntry(path, OPAQUE)


def _present(
    root: int, node: Node, path: str, kind: Kind, first_names: dict[tuple[int, int], str]
) -> LayerEntry:
    mode = stat.S_IMODE(node.stat.st_mode)
    if kind is Kind.DIRECTORY:
        return LayerEntry(path, kind.value, 0, mode)
    if node.stat.st_nlink > 1:
        first = first_names.setdefault((node.stat.st_dev, node.stat.st_ino), path)
        if first != path:
            return LayerEntry(path, Kind.HARDLINK.value, 0, mode, first)
    if kind is Kind.SYMLINK:
        return LayerEntry(path, kind.value, 0, mode, _target(root, node.path))
    return LayerEntry(path, kind.value, node.stat.st_size if kind is Kind.FILE else 0, mode)


def _target(root: int, path: bytes) -> str:
    parent, _, name = path.rpartition(b"/")
    try:
        fd = open_beneath(root, parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return ""  # removed since the walk saw it
    try:
        return display(os.readlink(name, dir_fd=fd))
    except OSError:
        return ""
    finally:
        os.close(fd)


def _absolute(parts: list[bytes]) -> str:
    return "/" + display(b"/".join(parts))
