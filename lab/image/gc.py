"""Deleting blobs that nothing needs any more."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import LabError
from lab.image.blobs import BlobStore
from lab.image.store import ImageStore
from lab.oci import manifest
from lab.oci.digest import Digest
from lab.oci.manifest import Index


def needed(images: ImageStore, blobs: BlobStore) -> set[Digest]:
    """Return the digests that images (configuration, layers) and their manifests refer to.

    A manifest counts with all it names, so that what was pulled can be pushed unchanged.
    """
    found: set[Digest] = set()
    for image in images.all():
        found.add(image.id)
        found.update(layer.digest for layer in image.layers)
    pending = images.manifests()
    while pending:
        digest = pending.pop()
        if digest not in found:
            found.add(digest)
            for referred, is_manifest in _references(digest, blobs):
                if is_manifest:
                    pending.append(referred)
                else:
                    found.add(referred)
    return found


def collect(images: ImageStore, blobs: BlobStore) -> list[Digest]:
    """Delete all blobs that are not needed; return their digests.

    Deletes nothing while somebody holds a lease on the blobs: call it again when a pull or a
    build has ended.
    """
    with blobs.collecting() as is_free:
        if not is_free:
            return []
        keep = needed(images, blobs)
        gone = [digest for digest in blobs.digests() if digest not in keep]
        for digest in gone:
            blobs.delete(digest)
    return gone


def _references(digest: Digest, blobs: BlobStore) -> Iterator[tuple[Digest, bool]]:
    """Yield what a manifest or index names, and whether that is a manifest itself."""
    try:
        document = manifest.parse(blobs.read(digest, manifest.MAX_SIZE))
    except LabError:
        return  # not kept here, or damaged: then it keeps nothing
    if isinstance(document, Index):
        for entry in document.manifests:
            yield entry.digest, True
        return
    yield document.config.digest, False
    for layer in document.layers:
        yield layer.digest, False
