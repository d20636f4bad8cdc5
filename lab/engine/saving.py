"""`docker save`: images as one archive, which is an OCI image layout and has Docker's manifest.json.

    oci-layout, index.json            for tools that know OCI layouts
    manifest.json                     for `docker load`: configuration, names, layers of each image
    blobs/sha256/HEX                  configurations, manifests, and layers, which are not compressed

Source: OCI image-spec, image-layout.md; Docker Engine API, ImageGet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.errors import InvalidParameter
from lab.image.blobs import BlobStore
from lab.image.layer import decompress
from lab.image.store import Image, ImageStore
from lab.image.tar import Kind, Member
from lab.image.tar_writer import END, header, padding
from lab.oci.descriptor import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor
from lab.oci.digest import Digest
from lab.oci.fields import Json
from lab.oci.manifest import Index, Manifest
from lab.oci.reference import Reference

MANIFEST = "manifest.json"

_FOLDER = "blobs/sha256"
_NAME = "io.containerd.image.name"
_REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, slots=True)
class Chosen:
    """An image to save, and the names under which it is asked for."""

    image: Image
    tags: tuple[Reference, ...]


class Saver:
    """Makes archives of images; may be used by several threads."""

    def __init__(self, store: ImageStore, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    def choose(self, names: Iterable[str]) -> list[Chosen]:
        """Return the images that the names mean, each once: an id, a tag, or all of a repository.

        Raises NotFound and InvalidParameter as Docker words them.
        """
        found: dict[Digest, dict[str, Reference]] = {}
        for name in names:
            for image, tags in self._named(name):
                found.setdefault(image.id, {}).update({str(tag): tag for tag in tags})
        if not found:
            raise InvalidParameter("no image names were given")
        return [Chosen(self._store.get(id), tuple(tags.values())) for id, tags in found.items()]

    def pieces(self, chosen: Sequence[Chosen]) -> Iterator[bytes]:
        """Yield the archive.  The blobs are kept until it is whole."""
        with self._blobs.lease():
            yield from _directory("blobs/")
            yield from _directory(f"{_FOLDER}/")
            written: set[Digest] = set()
            entries: list[Descriptor] = []
            rows: list[Json] = []
            for each in chosen:
                config = self._blobs.read(each.image.id, 8 << 20)
                yield from _blob(each.image.id, config, written)
                layers: list[Descriptor] = []
                for layer, diff_id in zip(
                    each.image.layers, each.image.config.diff_ids, strict=True
                ):
                    size = sum(map(len, self._plain(layer)))
                    layers.append(Descriptor(OCI_LAYER, diff_id, size))
                    if diff_id not in written:
                        written.add(diff_id)
                        yield _header(f"{_FOLDER}/{diff_id.hex}", size)
                        yield from self._plain(layer)
                        yield padding(size)
                manifest = Manifest(
                    Descriptor(OCI_CONFIG, each.image.id, len(config)), tuple(layers)
                ).to_bytes()
                yield from _blob(Digest.of(manifest), manifest, written)
                entries += _entries(each, manifest)
                rows.append(_row(each, layers))
            yield from _file("index.json", Index(tuple(entries)).to_bytes())
            yield from _file(MANIFEST, json.dumps(rows).encode())
            yield from _file("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            yield END

    def _named(self, name: str) -> list[tuple[Image, list[Reference]]]:
        try:
            reference = Reference.parse(name)
        except InvalidParameter:
            # an id with its algorithm is no name
            return [(self._store.resolve(name), [])]
        if not reference.tag and reference.digest is None:
            every = [
                (each, [tag for tag in self._store.tags_of(each.id) if tag.name == reference.name])
                for each in self._store.all()
            ]
            if named := [(each, tags) for each, tags in every if tags]:
                return named
        image = self._store.resolve(name)
        wanted = reference.tagged()
        is_named = wanted.digest is None and wanted in self._store.tags_of(image.id)
        return [(image, [wanted] if is_named else [])]

    def _plain(self, layer: Descriptor) -> Iterator[bytes]:
        with self._blobs.open(layer.digest) as blob:
            yield from decompress(blob, layer.media_type)


def _entries(chosen: Chosen, manifest: bytes) -> list[Descriptor]:
    digest, size = Digest.of(manifest), len(manifest)
    names = [{_NAME: str(tag), _REF_NAME: str(tag.tag)} for tag in chosen.tags]
    return [Descriptor(OCI_MANIFEST, digest, size, None, each) for each in names or [{}]]


def _row(chosen: Chosen, layers: Sequence[Descriptor]) -> Json:
    return {
        "Config": f"{_FOLDER}/{chosen.image.id.hex}",
        "RepoTags": [tag.familiar() for tag in chosen.tags] or None,
        "Layers": [f"{_FOLDER}/{layer.digest.hex}" for layer in layers],
        "LayerSources": {str(layer.digest): layer.to_json() for layer in layers},
    }


def _blob(digest: Digest, content: bytes, written: set[Digest]) -> Iterator[bytes]:
    if digest not in written:
        written.add(digest)
        yield from _file(f"{_FOLDER}/{digest.hex}", content)


def _file(name: str, content: bytes) -> Iterator[bytes]:
    yield _header(name, len(content)) + content + padding(len(content))


def _header(name: str, size: int) -> bytes:
    return header(Member(name.encode(), Kind.FILE, mode=0o644, size=size))


def _directory(name: str) -> Iterator[bytes]:
    yield header(Member(name.encode(), Kind.DIRECTORY, mode=0o755))
