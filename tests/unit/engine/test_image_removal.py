"""When images may be removed, and what goes with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engine.image_list import ImageQuery
from lab.engine.image_removal import Removed, is_single
from lab.engine.images import Images
from lab.engine.layers import chain_ids
from lab.engine.state import Status
from lab.errors import Conflict, InvalidParameter, NotFound
from lab.image.store import Image
from lab.oci.digest import Digest
from lab.oci.reference import Reference

from .image_parts import Parts, User

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


def test_the_last_name_takes_the_image_with_it(parts: Parts, images: Images) -> None:
    """Does removing the only name delete the image, its layers topmost first, and its blobs?"""
    image = parts.image({"a": b"a"}, {"b": b"b"})
    name(images, image, "app")
    parts.store.set_digest(Reference.parse("app"), MANIFEST, image.id)
    below, above = chain_ids(image.config.diff_ids)
    assert lines(images.remove("app")) == [
        "Untagged: app:latest",
        f"Untagged: app@{MANIFEST}",
        f"Deleted: {image.id}",
        f"Deleted: {above}",
        f"Deleted: {below}",
    ]
    images.sweep()
    assert list(parts.blobs.digests()) == []
    assert parts.snapshot_keys() == []
    ids = str(image.id)
    assert parts.events()[-2:] == [("untag", ids), ("delete", ids)]


def test_one_of_several_names_is_only_untagged(parts: Parts, images: Images) -> None:
    """Does an image with another name stay, also with a container on it?"""
    image = parts.image({"a": b"a"})
    name(images, image, "one", "two")
    parts.users.append(User("c" * 64, str(image.id), Status.RUNNING))
    assert lines(images.remove("one")) == ["Untagged: one:latest"]
    assert parts.store.get(image.id) == image


def test_an_id_with_several_names_must_be_forced(parts: Parts, images: Images) -> None:
    """Is the id of an image in several repositories refused without force, as Docker words it?"""
    image = parts.image({"a": b"a"})
    name(images, image, "one", "two")
    with pytest.raises(Conflict) as caught:
        images.remove(short(image))
    assert caught.value.message == (
        f"conflict: unable to delete {short(image)} (must be forced) - "
        "image is referenced in multiple repositories"
    )
    assert lines(images.remove(short(image), force=True))[:3] == [
        "Untagged: one:latest",
        "Untagged: two:latest",
        f"Deleted: {image.id}",
    ]


def test_an_id_with_one_name_needs_no_force(parts: Parts, images: Images) -> None:
    """Is an image with a single name removed by its id, name first?"""
    image = parts.image({"a": b"a"})
    name(images, image, "one")
    assert lines(images.remove(str(image.id)))[:2] == [
        "Untagged: one:latest",
        f"Deleted: {image.id}",
    ]


@pytest.mark.parametrize("by_id", [False, True])
def test_a_stopped_container_keeps_its_image(parts: Parts, images: Images, by_id: bool) -> None:
    """Is the image of a stopped container refused, and left to force?"""
    image = parts.image({"a": b"a"})
    name(images, image, "app")
    parts.users.append(User("c" * 64, str(image.id)))
    with pytest.raises(Conflict) as caught:
        images.remove(short(image) if by_id else "app")
    assert caught.value.message == (
        f"conflict: unable to delete {short(image)} (must be forced) - "
        "image is being used by stopped container cccccccccccc"
        if by_id
        else 'conflict: unable to remove repository reference "app" (must force) - '
        f"container cccccccccccc is using its referenced image {short(image)}"
    )
    assert names(images, ImageQuery()) == [["app:latest"]]
    images.remove(short(image) if by_id else "app", force=True)
    assert images.select(ImageQuery()) == []


def test_a_running_container_keeps_its_image_in_any_case(parts: Parts, images: Images) -> None:
    """Does force take only the name of an image that runs, and nothing by id?"""
    image = parts.image({"a": b"a"})
    name(images, image, "app")
    parts.users.append(User("c" * 64, str(image.id), Status.PAUSED))
    with pytest.raises(Conflict) as caught:
        images.remove(short(image), force=True)
    assert caught.value.message == (
        f"conflict: unable to delete {short(image)} (cannot be forced) - "
        "image is being used by running container cccccccccccc"
    )
    assert lines(images.remove("app", force=True)) == ["Untagged: app:latest"]
    assert parts.store.get(image.id) == image


def test_a_parent_stays_as_long_as_it_has_children(parts: Parts, images: Images) -> None:
    """Is a base image only untagged while others are built on it, and refused by id?"""
    base = parts.image({"a": b"a"})
    parts.image({"b": b"b"}, parent=base)
    with pytest.raises(Conflict) as caught:
        images.remove(short(base), force=True)
    assert caught.value.message == (
        f"conflict: unable to delete {short(base)} (cannot be forced) - "
        "image has dependent child images"
    )
    name(images, base, "base")
    assert lines(images.remove("base")) == ["Untagged: base:latest"]


def test_parents_without_a_name_go_too(parts: Parts, images: Images) -> None:
    """Does deleting a built image delete the steps before it, up to a named one?"""
    base = parts.image({"a": b"a"})
    step = parts.image({"b": b"b"}, parent=base)
    top = parts.image({"c": b"c"}, parent=step)
    name(images, base, "base")
    name(images, top, "top")
    chains = chain_ids(top.config.diff_ids)
    assert lines(images.remove("top")) == [
        "Untagged: top:latest",
        f"Deleted: {top.id}",
        f"Deleted: {chains[2]}",
        f"Deleted: {step.id}",
        f"Deleted: {chains[1]}",
    ]
    assert names(images, ImageQuery(everything=True)) == [["base:latest"]]


def test_noprune_leaves_the_parents(parts: Parts, images: Images) -> None:
    """Do parents stay when the client asks for that?"""
    base = parts.image({"a": b"a"})
    top = parts.image({"c": b"c"}, parent=base)
    assert lines(images.remove(short(top), prune=False))[0] == f"Deleted: {top.id}"
    assert parts.store.get(base.id) == base


def test_unknown_images_cannot_be_removed(images: Images) -> None:
    """Is the wording Docker's for what is not there?"""
    with pytest.raises(NotFound, match=r"^No such image: nosuch:latest$"):
        images.remove("nosuch")


def test_single_means_one_repository_with_one_tag() -> None:
    """Are an image's names counted as Docker counts them?"""

    def single(*texts: str) -> bool:
        return is_single([Reference.parse(text) for text in texts])

    digest = f"app@{MANIFEST}"
    assert single("app:1")
    assert single("app:1", digest)
    assert single(digest)
    assert not single()
    assert not single("app:1", "app:2")
    assert not single("app:1", f"other@{MANIFEST}")
    assert not single("app:1", digest, f"other@{MANIFEST}")


# --- pruning


def test_prune_removes_what_has_no_tag(parts: Parts, images: Images) -> None:
    """Are dangling images removed, named and used ones kept, and the freed bytes counted?"""
    named = parts.image({"a": b"a"})
    dangling = parts.image({"b": b"12345"})
    used = parts.image({"c": b"c"})
    name(images, named, "named")
    parts.users.append(User("c" * 64, str(used.id)))
    pruned = images.prune({})
    assert lines(pruned.removed) == [
        f"Deleted: {dangling.id}",
        f"Deleted: {dangling.config.diff_ids[0]}",
    ]
    assert pruned.reclaimed == 5
    assert {image.id for image in parts.store.all()} == {named.id, used.id}
    entry = list(parts.journal.replay())[-1]
    assert (entry.action, entry.attributes) == ("prune", {"reclaimed": "5"})


def test_prune_all_removes_what_no_container_uses(parts: Parts, images: Images) -> None:
    """Does `dangling=false` take tagged images too, but not those in use?"""
    idle = parts.image({"a": b"a"})
    used = parts.image({"c": b"c"})
    name(images, idle, "idle:1", "idle:2")
    name(images, used, "used")
    parts.users.append(User("c" * 64, str(used.id)))
    images.prune({"dangling": ("false",)})
    assert names(images, ImageQuery()) == [["used:latest"]]


def test_prune_keeps_what_its_filters_exclude(parts: Parts, images: Images) -> None:
    """Do `label`, `label!` and `until` spare images?"""
    parts.image({"a": b"a"}, created="2026-01-01T00:00:00Z", labels={"keep": "yes"})
    parts.image({"b": b"b"}, created="2026-02-01T00:00:00Z")
    assert images.prune({"label!": ("keep",), "until": ("2026-01-15",)}).removed == ()
    assert len(images.prune({"label": ("keep=yes",)}).removed) == 2
    assert len(images.prune({"until": ("1m",)}).removed) == 2
    with pytest.raises(InvalidParameter, match="more than one until"):
        images.prune({"until": ("1h", "2h")})


def test_prune_spares_a_parent_known_by_digest_only(parts: Parts, images: Images) -> None:
    """Does a base image whose tag has moved on keep its digest while it has children?"""
    base = parts.image({"a": b"a"})
    child = parts.image({"b": b"b"}, parent=base)
    name(images, child, "child")
    parts.store.set_digest(Reference.parse("base"), MANIFEST, base.id)
    assert images.prune({}).removed == ()
    assert parts.store.digests_of(base.id)
