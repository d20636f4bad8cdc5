"""`docker load`: images out of an archive that `docker save` made, here or elsewhere.

The archive is unpacked into a scratch folder first, since what tells what is what comes last.
Older forms, with a folder for each layer, load too: all have a manifest.json.
Source: Docker Engine API, ImageLoad; Docker for what it says.
"""

from __future__ import annotations

import json
import os
import posixpath
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lab.engine.image_events import log_image
from lab.engine.layers import Layers, chain_ids
from lab.engine.plain_layers import take_in
from lab.engine.progress import Emit, Progress
from lab.engine.saving import MANIFEST
from lab.errors import InvalidParameter
from lab.ids import new_id
from lab.image.blobs import BlobStore
from lab.image.layer import decompress
from lab.image.store import Image, ImageStore
from lab.image.tar import Kind
from lab.image.tar_reader import TarReader
from lab.journal import Journal
from lab.oci import fields
from lab.oci.descriptor import Descriptor
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig
from lab.oci.reference import Reference

_MAX_JSON = 8 << 20
_MAX_LINKS = 8


@dataclass(frozen=True, slots=True)
class _Listed:
    """One image of the archive: names of files in it, and the image's own names."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]


class Loader:
    """Makes images of archives; may be used by several threads."""

    def __init__(
        self,
        store: ImageStore,
        blobs: BlobStore,
        layers: Layers,
        journal: Journal,
        scratch: Path,
    ) -> None:
        """`scratch` is a folder that exists, for what is unpacked meanwhile."""
        self._store = store
        self._blobs = blobs
        self._layers = layers
        self._journal = journal
        self._scratch = scratch

    def run(self, stream: BinaryIO, emit: Emit, quiet: bool) -> None:
        """Load all images of the archive in `stream`; what there is to say goes to `emit`.

        Raises InvalidParameter for what is no such archive, or is damaged; the images that were
        whole before stay.
        """
        folder = self._scratch / f"load-{new_id()}"
        folder.mkdir(mode=0o700)
        try:
            archive = _Archive(stream, folder)
            loaded = [(self._image(archive, each, emit, quiet), each) for each in archive.listed()]
            for image, each in loaded:
                self._name(image, each, emit)
            if not any(each.tags for _, each in loaded):
                for image, _ in loaded:
                    emit({"stream": f"Loaded image ID: {image.id}\n"})
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _image(self, archive: _Archive, listed: _Listed, emit: Emit, quiet: bool) -> Image:
        content = archive.read(listed.config)
        config = ImageConfig.from_bytes(content)
        count, expected = len(listed.layers), len(config.diff_ids)
        if count != expected:
            raise InvalidParameter(
                f"invalid manifest, layers length mismatch: expected {expected}, got {count}"
            )
        progress = None if quiet else Progress(emit)
        with self._layers.lease(), self._layers.hold(chain_ids(config.diff_ids)):
            layers = [
                self._layer(archive, listed.layers[number], config, number, progress)
                for number in range(count)
            ]
            size = sum(self._layers.sizes(config))
            with self._journal.together():
                image = self._store.add(content, layers, size)
                labels = config.config.labels
                log_image(self._journal, "load", str(image.id), str(image.id), labels)
        return image

    def _layer(
        self,
        archive: _Archive,
        name: str,
        config: ImageConfig,
        number: int,
        progress: Progress | None,
    ) -> Descriptor:
        chains = chain_ids(config.diff_ids[: number + 1])
        known = self._known(config.diff_ids[: number + 1])
        if known is not None and self._layers.has(chains[-1]):
            return known
        path, diff_id = archive.path(name), config.diff_ids[number]
        total = path.stat().st_size

        def report(count: int) -> None:
            if progress is not None:
                progress.advance(diff_id, "Loading layer", count, total)

        def check(found: Digest) -> None:
            if found != diff_id:
                raise InvalidParameter(
                    f'invalid diffID for layer {number}: expected "{diff_id}", got "{found}"'
                )

        parent = chains[-2] if number else None
        return take_in(path, self._layers, self._blobs, diff_id, parent, check, report)

    def _known(self, diff_ids: tuple[Digest, ...]) -> Descriptor | None:
        """Return the blob of the last of these layers, if an image has all of them."""
        count = len(diff_ids)
        for image in self._store.all():
            if image.config.diff_ids[:count] == diff_ids:
                layer = image.layers[count - 1]
                return layer if self._blobs.has(layer.digest) else None
        return None

    def _name(self, image: Image, listed: _Listed, emit: Emit) -> None:
        for text in listed.tags:
            reference = Reference.parse(text)
            if not reference.tag:
                raise InvalidParameter(f'invalid tag "{text}"')
            before = self._store.tag(reference, image.id)
            if before is not None and before != image.id:
                emit(
                    {
                        "stream": f"The image {reference.familiar()} already exists, renaming the old"
                        f" one with ID {before} to empty string\n"
                    }
                )
            emit({"stream": f"Loaded image: {reference.familiar()}\n"})


class _Archive:
    """The files of an archive, unpacked under numbers; names only lead to them."""

    def __init__(self, stream: BinaryIO, folder: Path) -> None:
        self._files: dict[str, Path] = {}
        self._links: dict[str, str] = {}
        reader = TarReader(decompress(stream, ""))
        for number, member in enumerate(reader):
            name = _clean(os.fsdecode(member.name))
            if member.kind is Kind.FILE:
                self._files[name] = folder / str(number)
                with self._files[name].open("xb", buffering=0) as file:
                    _write(file, reader.data())
            elif member.kind is Kind.SYMLINK:
                target = os.fsdecode(member.link)
                self._links[name] = _clean(posixpath.join(posixpath.dirname(name), target))
            elif member.kind is Kind.HARDLINK:
                self._links[name] = _clean(os.fsdecode(member.link))

    def path(self, name: str) -> Path:
        """Return where a file is, or what a link leads to.  Raises InvalidParameter."""
        found = _clean(name)
        for _ in range(_MAX_LINKS):
            if found in self._files:
                return self._files[found]
            if found not in self._links:
                break
            found = self._links[found]
        raise InvalidParameter(f"invalid archive: open {name}: no such file or directory")

    def read(self, name: str) -> bytes:
        """Return the content of a small file."""
        with self.path(name).open("rb") as file:
            content = file.read(_MAX_JSON + 1)
        if len(content) > _MAX_JSON:
            raise InvalidParameter(f"invalid archive: {name} is larger than {_MAX_JSON} bytes")
        return content

    def listed(self) -> list[_Listed]:
        """Return what manifest.json lists."""
        if MANIFEST not in self._files:
            raise InvalidParameter("invalid archive: does not contain a manifest.json")
        try:
            rows: Any = json.loads(self.read(MANIFEST))
        except (ValueError, RecursionError) as error:
            raise InvalidParameter(f"invalid manifest.json: {error}") from None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InvalidParameter("invalid manifest.json: a list of objects is needed")
        return [
            _Listed(
                fields.text(row, "Config"),
                tuple(fields.texts(row, "Layers")),
                tuple(fields.texts(row, "RepoTags")),
            )
            for row in rows
        ]


def _clean(name: str) -> str:
    return posixpath.normpath("/" + name).lstrip("/")


def _write(file: BinaryIO, pieces: Iterator[memoryview]) -> None:
    for piece in pieces:
        rest = piece
        while rest:
            rest = rest[file.write(rest) :]
