"""Collecting blobs that nothing needs, and checking images again."""

from __future__ import annotations

from dataclasses import replace

from lab.image import gc
from lab.image.blobs import BlobStore
from lab.image.store import Image, ImageStore
from lab.image.validate import validate
from lab.oci.descriptor import OCI_CONFIG, Descriptor, Platform
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig
from lab.oci.manifest import Index, Manifest
from lab.oci.reference import Reference

from .helpers import layer, make_image


def test_the_collector_takes_only_what_nothing_needs(images: ImageStore, blobs: BlobStore) -> None:
    """Do configurations, layers, manifests and their indexes stay, and everything else go?"""
    image, other = make_image(images, blobs, "one"), make_image(images, blobs, "two")
    config = Descriptor(OCI_CONFIG, image.id, blobs.size(image.id))
    manifest = Manifest(config, image.layers).to_bytes()
    manifest_digest = blobs.put(manifest)
    entry = Descriptor("application/vnd.oci.image.manifest.v1+json", manifest_digest, len(manifest))
    absent = replace(entry, digest=Digest.of(b"arm"), platform=Platform("linux", "arm64"))
    index = blobs.put(Index((entry, absent)).to_bytes())
    images.set_digest(Reference.parse("app"), index, image.id)
    rubbish = blobs.put(b"rubbish")
    images.delete(other.id)
    gone = gc.collect(images, blobs)
    assert set(gone) == {rubbish, other.id, other.layers[0].digest}
    assert set(blobs.digests()) == {image.id, image.layers[0].digest, manifest_digest, index}
    images.delete(image.id)
    gc.collect(images, blobs)
    assert list(blobs.digests()) == []


def test_shared_layers_stay(images: ImageStore, blobs: BlobStore) -> None:
    """Does a layer stay as long as one image has it?"""
    shared = layer(blobs, bytes(1024))
    config = ImageConfig("amd64", "linux", diff_ids=(Digest.of(bytes(1024)),))
    first = images.add(config.to_bytes(), [shared], 0)
    second = images.add(replace(config, author="other").to_bytes(), [shared], 0)
    images.delete(first.id)
    assert gc.collect(images, blobs) == [first.id]
    assert blobs.has(shared.digest)
    assert validate(second, blobs) == []


def test_the_collector_respects_leases(images: ImageStore, blobs: BlobStore) -> None:
    """Is what a pull has just stored safe before its image is added?"""
    with blobs.lease():
        blobs.put(b"layer of a pull")
        assert gc.collect(images, blobs) == []
    assert len(gc.collect(images, blobs)) == 1


def test_a_damaged_manifest_keeps_nothing(images: ImageStore, blobs: BlobStore) -> None:
    """Does a manifest that is absent or no manifest leave the collector working?"""
    image = make_image(images, blobs)
    images.set_digest(Reference.parse("a"), blobs.put(b"{}"), image.id)
    images.set_digest(Reference.parse("b"), Digest.of(b"absent"), image.id)
    assert gc.collect(images, blobs) == []


def test_a_good_image_is_valid(images: ImageStore, blobs: BlobStore) -> None:
    """Has a good image no problems?"""
    assert validate(make_image(images, blobs), blobs) == []


def test_every_damage_is_told(images: ImageStore, blobs: BlobStore) -> None:
    """Are lost and changed blobs, wrong sizes, digests and diff ids named?"""
    image = make_image(images, blobs)
    [stored] = image.layers

    def problem(changed: Image) -> str:
        return "; ".join(validate(changed, blobs))

    assert "0 layers" not in problem(image)
    assert "expected 9" in problem(replace(image, layers=(replace(stored, size=9),)))
    wrong = replace(image.config, diff_ids=(Digest.of(b"other"),))
    assert "its plain content is" in problem(replace(image, config=wrong))
    assert "another one than the blob" in problem(replace(image, config=wrong))
    assert "its manifest 0" in problem(replace(image, layers=()))
    blobs.path(stored.digest).write_bytes(b"y" * stored.size)
    assert "the content has another digest" in problem(image)
    blobs.delete(stored.digest)
    assert "not found" in problem(image)
    blobs.delete(image.id)
    assert f"configuration {image.id}: content" in problem(image)
