"""Writes an OCI image layout: blobs by digest, and one index that names the images.

Source: OCI image-spec, image-layout.md.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from lab.image.streams import batched, run_ahead
from lab.oci import fields
from lab.oci.descriptor import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST, Descriptor, Platform
from lab.oci.digest import Digest, Hash
from lab.oci.image_config import ImageConfig
from lab.oci.manifest import Index, Manifest

REF_NAME = "org.opencontainers.image.ref.name"

_LEVEL = 1
_GZIP = 31  # zlib's window bits for a gzip header
_NEW = "new-layer"


@dataclass(frozen=True, slots=True)
class Layer:
    """A stored layer.  `diff_id` and `size` (bytes) are of the archive before compression."""

    descriptor: Descriptor
    diff_id: Digest
    size: int


class LayoutWriter:
    """Fills `folder`, an empty one, with a layout; it is one after `finish`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)
        self._names: list[Descriptor] = []

    def add_layer(self, chunks: Iterable[bytes]) -> Layer:
        """Compress and store an archive."""
        beside = self._folder / _NEW
        plain = hashlib.sha256()
        with beside.open("xb") as file, run_ahead(batched(chunks)) as ahead:
            stored, size = _compress(ahead, plain, file)
            _to_disk(file)
        descriptor = Descriptor(OCI_LAYER_GZIP, stored, beside.stat().st_size)
        os.replace(beside, self._path(stored))
        return Layer(descriptor, Digest.from_hash(plain), size)

    def take_layer(self, source: Path, layer: Layer) -> Layer:
        """Store a layer that is whole in the file `source`: linked where possible."""
        place = self._path(layer.descriptor.digest)
        if not place.exists():
            try:
                os.link(source, place)
            except OSError:
                shutil.copyfile(source, place)
        return layer

    def add_image(
        self,
        config: ImageConfig,
        layers: Sequence[Descriptor],
        names: Iterable[str],
        annotations: Mapping[str, str],
    ) -> Digest:
        """Store config and manifest under all `names` (`nginx:latest`); return the image's id."""
        stored = self._add(config.to_bytes(), OCI_CONFIG)
        manifest = Manifest(stored, tuple(layers), annotations=annotations)
        entry = self._add(manifest.to_bytes(), OCI_MANIFEST)
        platform = Platform(config.os, config.architecture, config.variant)
        for name in names:
            self._names.append(
                Descriptor(entry.media_type, entry.digest, entry.size, platform, {REF_NAME: name})
            )
        return stored.digest

    def finish(self) -> None:
        """Write the files that make the folder a layout."""
        self._write(self._folder / "oci-layout", fields.dump({"imageLayoutVersion": "1.0.0"}))
        self._write(self._folder / "index.json", Index(tuple(self._names)).to_bytes())

    def _add(self, content: bytes, media_type: str) -> Descriptor:
        digest = Digest.of(content)
        self._write(self._path(digest), content)
        return Descriptor(media_type, digest, len(content))

    def _path(self, digest: Digest) -> Path:
        return self._blobs / digest.hex

    def _write(self, path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content)
            _to_disk(file)


def _compress(chunks: Iterable[bytes], plain: Hash, file: BinaryIO) -> tuple[Digest, int]:
    """Write the chunks as gzip to `file`, feed `plain`; return the digest, and the plain size."""
    stored = hashlib.sha256()
    compressor = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
    size = 0
    for chunk in chunks:
        plain.update(chunk)
        size += len(chunk)
        packed = compressor.compress(chunk)
        stored.update(packed)
        file.write(packed)
    packed = compressor.flush()
    stored.update(packed)
    file.write(packed)
    return Digest.from_hash(stored), size


def _to_disk(file: BinaryIO) -> None:
    # the stamp promises that the catalog is whole, also after a power failure
    file.flush()
    os.fsync(file.fileno())
