"""Layers: archives of changes, and the directories in which overlay keeps the same changes.

The parts live in modules of their own (`streams`, `unpack`, `pack`, `explore`, `changes`); what
the rest of the engine uses of them is named here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from lab.errors import DigestMismatch
from lab.image.changes import Change, ChangeKind, changes
from lab.image.explore import LayerEntry, layer_entries
from lab.image.pack import WrittenLayer, write_layer
from lab.image.streams import CountedReader, decompress, run_ahead
from lab.image.tar_reader import TarReader
from lab.image.unpack import Unpacker
from lab.kernel.idmap import IdMap
from lab.oci.digest import Digest, Hash

__all__ = [
    "Change",
    "ChangeKind",
    "LayerContent",
    "LayerEntry",
    "WrittenLayer",
    "apply_layer",
    "changes",
    "decompress",
    "layer_entries",
    "unpack_plain",
    "write_layer",
]


_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class LayerContent:
    """What an unpacked layer turned out to be.

    `size` is the bytes of its files, each hard link counted once; `entries` its members;
    `skipped` names the devices that this place does not allow.
    """

    diff_id: Digest
    size: int
    entries: int
    skipped: tuple[str, ...] = ()


def apply_layer(
    blob: BinaryIO,
    media_type: str,
    target: Path,
    ids: IdMap,
    expected_diff_id: Digest | None = None,
    progress: Callable[[int], None] | None = None,
) -> LayerContent:
    """Unpack a layer into `target`, an empty directory that becomes an overlay's upper layer.

    A thread decompresses and hashes while this one writes.  `progress` is called, in this thread,
    with the bytes of `blob` read so far; what it raises ends the work.

    Raises InvalidParameter (malformed, truncated), UnsafePath, Unsupported (zstd), DigestMismatch
    (the plain content is not `expected_diff_id`), SyscallError (no space left).  After an error
    `target` holds a part of the layer: the caller removes the snapshot.
    """
    counted = CountedReader(blob)
    running = expected_diff_id.hasher() if expected_diff_id else hashlib.sha256()
    plain = _hashed(decompress(cast(BinaryIO, counted), media_type), running)
    with run_ahead(plain) as chunks, Unpacker(target, ids) as unpacker:
        reader = TarReader(_reported(chunks, counted, progress))
        for member in reader:
            unpacker.add(member, reader.data())
        for _ in reader.rest():
            pass
        unpacker.finish()
    algorithm = expected_diff_id.algorithm if expected_diff_id else "sha256"
    diff_id = Digest.parse(f"{algorithm}:{running.hexdigest()}")
    if expected_diff_id is not None and diff_id != expected_diff_id:
        raise DigestMismatch(f"invalid diffID: expected {expected_diff_id}, got {diff_id}")
    return LayerContent(diff_id, unpacker.size, unpacker.entries, tuple(unpacker.skipped))


def unpack_plain(archive: BinaryIO, target: Path, ids: IdMap) -> None:
    """Unpack a layer's plain archive, which somebody else verifies; otherwise as `apply_layer`."""
    with Unpacker(target, ids) as unpacker:
        reader = TarReader(iter(lambda: archive.read(_READ), b""))
        for member in reader:
            unpacker.add(member, reader.data())
        unpacker.finish()


def _hashed(chunks: Iterator[bytes], running: Hash) -> Iterator[bytes]:
    for chunk in chunks:
        running.update(chunk)
        yield chunk


def _reported(
    chunks: Iterator[bytes], counted: CountedReader, progress: Callable[[int], None] | None
) -> Iterator[bytes]:
    for chunk in chunks:
        if progress is not None:
            progress(counted.count)
        yield chunk
