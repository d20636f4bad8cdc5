"""Images as users see them: listing, names, history, and the rules of removal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engine.image_list import ImageQuery
from lab.engine.image_removal import Removed
from lab.engine.images import Images
from lab.errors import InvalidParameter, NotFound
from lab.image.store import Image
from lab.oci.digest import Digest
from lab.oci.reference import Reference

from .image_parts import Parts

MANIFEST = Digest.of(b"manifest")


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.close()


@pytest.fixture
def images(parts: Parts) -> Images:
    return Images(
        parts.store, parts.layers, parts.blobs, parts.journal, parts.using, parts.database
    )


def name(images: Images, image: Image, *names: str) -> None:
    for text in names:
        images.tag(image, Reference.parse(text))


def names(images: Images, query: ImageQuery) -> list[list[str]]:
    """The tags of each image of a list, in order."""
    return [[tag.familiar() for tag in row.tags] for row in images.select(query)]


def lines(removed: list[Removed] | tuple[Removed, ...]) -> list[str]:
    """What `docker rmi` would print."""
    return [
        f"Untagged: {each.untagged}" if each.untagged else f"Deleted: {each.deleted}"
        for each in removed
    ]


def short(image: Image) -> str:
    return image.id.hex[:12]


# --- listing


def test_images_are_listed_latest_first_without_steps_between(parts: Parts, images: Images) -> None:
    """Are images sorted by their creation, and the steps of a build hidden without `all`?"""
    base = parts.image({"a": b"a"}, created="2026-01-01T00:00:00Z")
    step = parts.image({"b": b"b"}, parent=base, created="2026-03-01T00:00:00Z")
    top = parts.image({"c": b"c"}, parent=step, created="2026-03-01T00:00:00.5Z")
    name(images, base, "base")
    name(images, top, "top:1", "top:2")
    assert names(images, ImageQuery()) == [["top:1", "top:2"], ["base:latest"]]
    assert names(images, ImageQuery(everything=True)) == [
        ["top:1", "top:2"],
        [],
        ["base:latest"],
    ]


def test_dangling_images_are_told_apart(parts: Parts, images: Images) -> None:
    """Does the filter `dangling` find images without a tag, and its opposite the others?"""
    named = parts.image({"a": b"a"})
    dangling = parts.image({"b": b"b"})
    by_digest = parts.image({"c": b"c"})
    name(images, named, "named")
    parts.store.set_digest(Reference.parse("pulled"), MANIFEST, by_digest.id)
    found = images.select(ImageQuery(filters={"dangling": ("true",)}))
    assert {row.image.id for row in found} == {dangling.id, by_digest.id}
    found = images.select(ImageQuery(filters={"dangling": ("0",)}))
    assert {row.image.id for row in found} == {named.id, by_digest.id}
    with pytest.raises(InvalidParameter, match=r"invalid filter 'dangling=\[maybe\]'"):
        images.select(ImageQuery(filters={"dangling": ("maybe",)}))


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("web", [["web:1", "web:2"]]),
        ("web:2", [["web:2"]]),
        ("*eb:*", [["web:1", "web:2"]]),
        ("alice/*", [["alice/app:latest"]]),
        ("*", [["web:1", "web:2"]]),
        ("docker.io/library/*", [["web:1", "web:2"]]),
        ("nosuch", []),
    ],
)
def test_references_are_filtered_by_pattern(
    parts: Parts, images: Images, pattern: str, wanted: list[list[str]]
) -> None:
    """Does the filter `reference` match names as Docker does, and hide other names?"""
    web = parts.image({"a": b"a"}, created="2026-02-01T00:00:00Z")
    app = parts.image({"b": b"b"})
    parts.image({"c": b"c"})
    name(images, web, "web:1", "web:2")
    name(images, app, "alice/app")
    assert names(images, ImageQuery(filters={"reference": (pattern,)})) == wanted


def test_images_are_filtered_by_label_and_time(parts: Parts, images: Images) -> None:
    """Do `label`, `before`, `since` and `until` select what they say?"""
    old = parts.image({"a": b"a"}, created="2026-01-01T00:00:00Z", labels={"kind": "x"})
    new = parts.image({"b": b"b"}, created="2026-02-01T00:00:00Z", labels={"kind": "y"})
    name(images, old, "old")
    name(images, new, "new")

    def found(**filters: str) -> list[list[str]]:
        query = ImageQuery(filters={key: (value,) for key, value in filters.items()})
        return names(images, query)

    assert found(label="kind") == [["new:latest"], ["old:latest"]]
    assert found(label="kind=x") == [["old:latest"]]
    assert found(before="new") == [["old:latest"]]
    assert found(since="old") == [["new:latest"]]
    assert found(until="2026-01-15") == [["old:latest"]]
    assert found(until="1767225601") == [["old:latest"]]
    with pytest.raises(NotFound):
        found(before="nosuch")
    with pytest.raises(InvalidParameter):
        found(until="yesterday")


def test_shared_bytes_are_those_of_common_layers(parts: Parts, images: Images) -> None:
    """Does the shared size count layers that another image has too, and only when asked?"""
    base = parts.image({"a": b"12345"})
    parts.image({"b": b"123"}, parent=base)
    rows = images.select(ImageQuery(everything=True, shared_size=True))
    assert [row.shared for row in rows] == [5, 5]
    assert {row.shared for row in images.select(ImageQuery(everything=True))} == {-1}


# --- names and history


def test_a_new_name_is_journalled_and_dated(parts: Parts, images: Images) -> None:
    """Is a name given with the event and the time that Docker has for it?"""
    image = parts.image({"a": b"a"}, labels={"name": "forged", "who": "me"})
    assert images.last_tagged(image) is None
    images.tag(image, Reference.parse("alice/app"))
    entry = list(parts.journal.replay())[-1]
    assert (entry.type, entry.action, entry.actor) == ("image", "tag", str(image.id))
    assert entry.attributes == {
        "name": "alice/app:latest",
        "who": "me",
        "repository": "docker.io/alice/app",
        "tag": "latest",
        "image": str(image.id),
    }
    assert images.last_tagged(image) is not None
    with pytest.raises(InvalidParameter):
        images.tag(image, Reference.parse("sha256:latest"))


def test_history_tells_each_step_with_its_size(parts: Parts, images: Images) -> None:
    """Are steps shown latest first, with sizes, and with the images that are here?"""
    base = parts.image({"a": b"12345"})
    top = parts.image(parent=base, comment="settings")
    name(images, top, "top")
    rows = images.history(top)
    assert [(row.image, row.size) for row in rows] == [(str(top.id), 0), (str(base.id), 5)]
    assert [tag.familiar() for tag in rows[0].tags] == ["top:latest"]
    pulled = parts.image({"x": b"1"}, {"y": b"22"})
    assert [(row.image, row.size) for row in images.history(pulled)] == [
        (str(pulled.id), 2),
        ("", 1),
    ]


def test_an_image_is_found_by_name_and_id(parts: Parts, images: Images) -> None:
    """Are blank names refused, and unknown ones not found, in Docker's words?"""
    image = parts.image({"a": b"a"})
    assert images.get(short(image)) == image
    with pytest.raises(NotFound, match=r"^No such image: nosuch:latest$"):
        images.get("nosuch")
    with pytest.raises(InvalidParameter, match="image name cannot be blank"):
        images.get(" ")
