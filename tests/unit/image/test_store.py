"""Images and their names."""

from __future__ import annotations

import pytest

from lab.database import Database
from lab.errors import InvalidParameter, NotFound
from lab.image.blobs import BlobStore
from lab.image.store import ImageStore
from lab.oci.digest import Digest
from lab.oci.image_config import History, ImageConfig
from lab.oci.reference import Reference

from .helpers import layer, make_image


def test_an_added_image_is_there(images: ImageStore, blobs: BlobStore, database: Database) -> None:
    """Is the record complete, its configuration a blob, and both there after a restart?"""
    image = make_image(images, blobs)
    assert image.id == Digest.of(image.config.to_bytes())
    assert blobs.has(image.id)
    assert (image.size, image.parent, len(image.layers)) == (1027, None, 1)
    assert ImageStore(database, blobs).get(image.id) == image
    assert images.all() == [image]


def test_adding_again_changes_nothing(images: ImageStore, blobs: BlobStore) -> None:
    """Is an image that is there kept as it is?"""
    image = make_image(images, blobs)
    again = images.add(image.config.to_bytes(), image.layers, 5)
    assert again == image


def test_images_come_latest_first(images: ImageStore, blobs: BlobStore) -> None:
    """Is the order that of adding, backwards?"""
    added = [make_image(images, blobs, name) for name in "abc"]
    assert [image.id for image in images.all()] == [image.id for image in reversed(added)]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (ImageConfig("amd64", "linux"), "0 layers, its manifest 1"),
        (
            ImageConfig("amd64", "linux", diff_ids=(Digest.of(b""),), history=(History(),) * 2),
            "too many non-empty layers in History section",
        ),
    ],
    ids=["layers", "history"],
)
def test_what_does_not_fit_is_refused(
    images: ImageStore, blobs: BlobStore, config: ImageConfig, words: str
) -> None:
    """Is a configuration that does not fit its layers refused, leaving nothing?"""
    descriptor = layer(blobs, b"x")
    with pytest.raises(InvalidParameter, match=words):
        images.add(config.to_bytes(), [descriptor], 1)
    assert images.all() == []
    assert list(blobs.digests()) == [descriptor.digest]


def test_a_tag_moves(images: ImageStore, blobs: BlobStore) -> None:
    """Does a tag mean the latest image given to it, and tell which it meant before?"""
    one, two = make_image(images, blobs, "one"), make_image(images, blobs, "two")
    ref = Reference.parse("nginx")
    assert images.tag(ref, one.id) is None
    assert images.tag(ref, one.id) == one.id
    assert images.tag(ref, two.id) == one.id
    assert images.resolve("nginx:latest") == two
    assert images.tags_of(one.id) == []
    assert [tag.familiar() for tag in images.tags_of(two.id)] == ["nginx:latest"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nginx@" + str(Digest.of(b"x")), "refusing to create a tag with a digest reference"),
        ("sha256:abc", "refusing to create an ambiguous tag using digest algorithm as name"),
    ],
)
def test_tags_that_docker_refuses(
    images: ImageStore, blobs: BlobStore, name: str, words: str
) -> None:
    """Are names that could be taken for digests refused in Docker's words?"""
    image = make_image(images, blobs)
    with pytest.raises(InvalidParameter, match=words):
        images.tag(Reference.parse(name), image.id)


def test_unknown_images_have_no_names(images: ImageStore) -> None:
    """Is naming an image that is not there NotFound?"""
    unknown = Digest.of(b"unknown")
    with pytest.raises(NotFound, match="No such image: sha256:"):
        images.tag(Reference.parse("a"), unknown)
    with pytest.raises(NotFound):
        images.set_digest(Reference.parse("a"), unknown, unknown)
    with pytest.raises(NotFound):
        images.delete(unknown)


def test_untag(images: ImageStore, blobs: BlobStore) -> None:
    """Does a name end, by tag and by digest, while the image stays?"""
    image = make_image(images, blobs)
    ref, manifest = Reference.parse("alice/app:1"), Digest.of(b"m")
    images.tag(ref, image.id)
    images.set_digest(ref, manifest, image.id)
    assert images.untag(ref) == image.id
    assert images.untag(ref.with_digest(manifest)) == image.id
    assert (images.tags_of(image.id), images.digests_of(image.id)) == ([], [])
    assert images.get(image.id) == image
    with pytest.raises(NotFound, match=r"^No such image: alice/app:1$"):
        images.untag(ref)


def test_names_by_digest(images: ImageStore, blobs: BlobStore) -> None:
    """Are repository digests told and found, whatever tag stands before the digest?"""
    image = make_image(images, blobs)
    manifest = Digest.of(b"m")
    images.set_digest(Reference.parse("localhost:5000/app:7"), manifest, image.id)
    [name] = images.digests_of(image.id)
    assert name.familiar() == f"localhost:5000/app@{manifest}"
    assert images.resolve(name.familiar()) == image
    assert images.resolve(f"localhost:5000/app:other@{manifest}") == image
    assert images.manifests() == [manifest]


def test_resolve_finds_ids(images: ImageStore, blobs: BlobStore) -> None:
    """Is an image found by whole id and by prefix, each with or without algorithm?"""
    image = make_image(images, blobs)
    make_image(images, blobs, "two")
    for text in (str(image.id), image.id.hex, image.id.short, "sha256:" + image.id.hex[:20]):
        assert images.resolve(text) == image


def test_a_name_comes_before_an_id(images: ImageStore, blobs: BlobStore) -> None:
    """If a tag looks like the beginning of an id, does the tag win, as in Docker?"""
    one, two = make_image(images, blobs, "one"), make_image(images, blobs, "two")
    images.tag(Reference.parse(one.id.short), two.id)
    assert images.resolve(one.id.short) == two


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nginx", "No such image: nginx:latest"),
        ("nginx:1.2", "No such image: nginx:1.2"),
        ("docker.io/library/nginx", "No such image: nginx:latest"),
        ("localhost:5000/a/b", "No such image: localhost:5000/a/b:latest"),
        (f"nginx@{Digest.of(b'x')}", f"No such image: nginx@{Digest.of(b'x')}"),
        (Digest.of(b"x").hex, f"No such image: {Digest.of(b'x')}"),
        (str(Digest.of(b"x")), f"No such image: {Digest.of(b'x')}"),
        ("abcdef", "No such image: abcdef:latest"),
        ("a", "No such image: a:latest"),
    ],
)
def test_what_is_not_there_is_told_in_dockers_words(
    images: ImageStore, text: str, message: str
) -> None:
    """Is the message word for word Docker's, which clients rely on?"""
    with pytest.raises(NotFound) as caught:
        images.resolve(text)
    assert caught.value.message == message


def test_an_ambiguous_prefix_is_not_found(images: ImageStore, blobs: BlobStore) -> None:
    """Is a prefix that several ids have no image?"""
    for number in range(17):
        make_image(images, blobs, str(number))
    digits = [image.id.hex[0] for image in images.all()]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(NotFound):
        images.resolve(shared)


@pytest.mark.parametrize("text", ["", "UPPER", "a b", "nginx:", "nginx@sha256:12", "../x", "%"])
def test_what_is_no_name_is_invalid(images: ImageStore, text: str) -> None:
    """Is malformed text refused rather than not found?"""
    with pytest.raises(InvalidParameter):
        images.resolve(text)


def test_parents_and_children(images: ImageStore, blobs: BlobStore) -> None:
    """Are build steps chained, and is the chain cut when the parent goes?"""
    base = make_image(images, blobs, "base")
    child = make_image(images, blobs, "child", base.id)
    assert images.children(base.id) == [child.id]
    assert images.get(child.id).parent == base.id
    images.delete(base.id)
    assert images.get(child.id).parent is None
    assert images.children(base.id) == []
    late = make_image(images, blobs, "late", base.id)
    assert images.get(late.id).parent is None


def test_deleting_takes_the_names_along(images: ImageStore, blobs: BlobStore) -> None:
    """Is an image gone with tags and digests, and may it come back with another size?"""
    image = make_image(images, blobs)
    images.tag(Reference.parse("a:1"), image.id)
    images.set_digest(Reference.parse("a"), Digest.of(b"m"), image.id)
    images.delete(image.id)
    assert (images.all(), images.manifests()) == ([], [])
    with pytest.raises(NotFound):
        images.resolve("a:1")
    assert images.add(image.config.to_bytes(), image.layers, 5).size == 5
