"""Checking again what an image promises: for tests, and after a power cut."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import LabError
from lab.image.blobs import BlobStore
from lab.image.store import Image, mismatch
from lab.image.streams import decompress
from lab.oci.descriptor import Descriptor
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig

_CONFIG_LIMIT = 64 << 20
_PIECE = 1 << 20


def validate(image: Image, blobs: BlobStore) -> list[str]:
    """Return what is wrong with an image, as sentences; empty if nothing is.

    Reads and decompresses every layer: the configuration's blob hashes to the id, the layers'
    blobs to their digests and sizes, their plain content to the diff ids; history and layers fit.
    """
    problems = list(_config_problems(image, blobs))
    problem = mismatch(image.config, len(image.layers))
    if problem:
        return [*problems, problem]
    for layer, diff_id in zip(image.layers, image.config.diff_ids, strict=True):
        problems.extend(_layer_problems(layer, diff_id, blobs))
    return problems


def _config_problems(image: Image, blobs: BlobStore) -> Iterator[str]:
    try:
        stored = blobs.read(image.id, _CONFIG_LIMIT)
        if ImageConfig.from_bytes(stored) != image.config:
            yield f"configuration {image.id}: the record is another one than the blob"
    except LabError as error:
        yield f"configuration {image.id}: {error.message}"


def _layer_problems(layer: Descriptor, diff_id: Digest, blobs: BlobStore) -> Iterator[str]:
    try:
        size = blobs.size(layer.digest)
        if size != layer.size:
            yield f"layer {layer.digest}: {size} bytes, expected {layer.size}"
        if _digest(layer.digest, layer.digest, blobs, plain=False) != layer.digest:
            yield f"layer {layer.digest}: the content has another digest"
        found = _digest(layer.digest, diff_id, blobs, plain=True)
        if found != diff_id:
            yield f"layer {layer.digest}: its plain content is {found}, expected {diff_id}"
    except LabError as error:
        yield f"layer {layer.digest}: {error.message}"


def _digest(blob: Digest, like: Digest, blobs: BlobStore, plain: bool) -> Digest:
    """Hash a blob as it is stored, or its plain content, with the algorithm of `like`."""
    running = like.hasher()
    with blobs.open(blob) as content:
        pieces = decompress(content, "") if plain else iter(lambda: content.read(_PIECE), b"")
        for piece in pieces:
            running.update(piece)
    return Digest.parse(f"{like.algorithm}:{running.hexdigest()}")
