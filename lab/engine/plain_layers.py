"""Layers that come as plain archives: unpacked and stored at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.engine.layers import Layers
from lab.image.blobs import BlobStore
from lab.image.layer import decompress, unpack_plain
from lab.image.pack import store_layer
from lab.image.streams import CountedReader, is_plain
from lab.oci.descriptor import Descriptor
from lab.oci.digest import Digest

Check = Callable[[Digest], None]
"""Raises if a layer's plain content has another digest than it should."""

Report = Callable[[int], None]
"""Told how many bytes of the archive have been read, in any thread."""


def take_in(
    path: Path,
    layers: Layers,
    blobs: BlobStore,
    diff_id: Digest,
    parent: Digest | None,
    check: Check,
    report: Report,
) -> Descriptor:
    """Make blob and snapshot of the layer archive in the file `path`; return the blob.

    Raises what `check` does, and what lab.image.layer.apply_layer does; no snapshot is left then.
    """
    with path.open("rb") as file:
        plain = is_plain(file.read(6))
    if not plain:
        descriptor = _store(path, blobs, check, report)
        layers.unpack(descriptor, diff_id, parent)
        return descriptor
    with layers.building(parent) as key, ThreadPoolExecutor(1, "layer-store") as pool:
        stored = pool.submit(_store, path, blobs, check, report)
        with path.open("rb") as file:
            unpack_plain(file, layers.snapshots.upper(key), layers.ids)
        descriptor = stored.result()
        layers.freeze(key, diff_id, parent)
    return descriptor


def _store(path: Path, blobs: BlobStore, check: Check, report: Report) -> Descriptor:
    with path.open("rb") as file:
        counted = CountedReader(file)
        plain = decompress(counted, "")
        descriptor, found = store_layer(plain, blobs, lambda: report(counted.count))
    check(found)
    return descriptor
