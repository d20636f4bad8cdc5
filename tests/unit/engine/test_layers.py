"""Layers as snapshots: shared, held, collected; and the layer under each container."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engine.layers import chain_ids
from lab.errors import DigestMismatch, InvalidParameter
from lab.image.stack import Stack
from lab.oci.digest import Digest
from lab.oci.image_config import chain_id

from .image_parts import Parts

BASE = {"etc/": None, "etc/hosts": b"the image's own\n", "bin/sh": b"#!"}


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.close()


def test_chain_ids_are_those_of_each_stack() -> None:
    """Is the last chain id the one that the specification gives for the whole stack?"""
    diffs = [Digest.of(str(n).encode()) for n in range(4)]
    assert chain_ids(diffs) == [chain_id(diffs[: n + 1]) for n in range(4)]
    assert chain_ids([]) == []


def test_an_unpacked_layer_is_there_with_its_files(parts: Parts) -> None:
    """Does unpacking give a snapshot by chain id that holds the layer's files?"""
    image = parts.image(BASE, {"app": b"12345"})
    chains = chain_ids(image.config.diff_ids)
    assert all(map(parts.layers.has, chains))
    assert (parts.snapshots.upper(str(chains[1])) / "app").read_bytes() == b"12345"
    assert parts.layers.sizes(image.config) == [18, 5]
    assert image.size == 23


def test_images_share_the_layers_they_have_in_common(parts: Parts) -> None:
    """Is a layer that two images have unpacked only once?"""
    base = parts.image(BASE)
    before = parts.snapshot_keys()
    parts.image({"a": b"a"}, parent=base)
    parts.image({"b": b"b"}, parent=base)
    assert len(parts.snapshot_keys()) == len(before) + 2


def test_two_at_once_unpack_a_layer_once(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do two pulls of one layer at the same time end with one snapshot, unpacked once?"""
    layer, diff_id = parts.layer(BASE)
    prepared = []
    original = parts.snapshots.prepare

    def counting(key: str, parent: str | None) -> object:
        prepared.append(key)
        return original(key, parent)

    monkeypatch.setattr(parts.snapshots, "prepare", counting)
    with parts.layers.hold([diff_id]):
        threads = [
            threading.Thread(target=parts.layers.unpack, args=(layer, diff_id, None))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert parts.snapshot_keys() == [str(diff_id)]
    assert len(prepared) == 1


def test_a_layer_that_lies_leaves_nothing(parts: Parts) -> None:
    """Is there no snapshot after a layer turned out to be another one than promised?"""
    layer, _ = parts.layer(BASE)
    other = Digest.of(b"something else")
    with pytest.raises(DigestMismatch), parts.layers.hold([other]):
        parts.layers.unpack(layer, other, None)
    assert parts.snapshot_keys() == []


def test_unpacking_that_is_given_up_leaves_nothing(parts: Parts) -> None:
    """Does an error of the listener end the work, with nothing left?"""
    layer, diff_id = parts.layer(BASE)

    def stop(read: int) -> None:
        raise InvalidParameter("enough")

    with pytest.raises(InvalidParameter, match="enough"):
        parts.layers.unpack(layer, diff_id, None, stop)
    assert parts.snapshot_keys() == []


def test_what_no_image_took_is_removed_with_the_hold(parts: Parts) -> None:
    """Do layers that were unpacked for an image that never came to be vanish?"""
    layer, diff_id = parts.layer(BASE)
    with parts.layers.hold([diff_id]):
        parts.layers.unpack(layer, diff_id, None)
        assert parts.layers.collect() == []
    assert parts.snapshot_keys() == []


def test_collect_removes_what_only_the_gone_image_had(parts: Parts) -> None:
    """Are an image's own layers removed, topmost first, and shared ones kept?"""
    base = parts.image(BASE)
    other = parts.image({"a": b"a"}, {"b": b"b"}, parent=base)
    parts.layers.container_parent(other)
    parts.store.delete(other.id)
    chains = chain_ids(other.config.diff_ids)
    assert parts.layers.collect() == [chains[2], chains[1]]
    assert parts.snapshot_keys() == [str(chains[0])]


def test_a_layer_under_a_container_stays_until_it_is_gone(parts: Parts) -> None:
    """Does a container of a deleted image keep its layers, and no longer than it lives?"""
    image = parts.image(BASE)
    parts.snapshots.prepare("container", parts.layers.container_parent(image))
    parts.store.delete(image.id)
    assert parts.layers.collect() == []
    parts.snapshots.remove("container")
    assert parts.layers.collect() == chain_ids(image.config.diff_ids)
    assert parts.snapshot_keys() == []


def test_recover_removes_what_a_crash_left(parts: Parts) -> None:
    """Is half an unpacked layer gone after a restart, and a container's layer not?"""
    image = parts.image(BASE)
    parts.snapshots.prepare("container", parts.layers.container_parent(image))
    kept = parts.snapshot_keys()
    parts.snapshots.prepare("unpack-1", None)
    parts.snapshots.upper("unpack-1")
    (parts.folder / "scratch" / "mounted-x").mkdir()
    parts.layers.recover()
    assert parts.snapshot_keys() == kept
    assert list((parts.folder / "scratch").iterdir()) == []


def test_freezing_what_is_there_already_keeps_the_first(parts: Parts) -> None:
    """Is a layer that was built again taken from what is there?"""
    image = parts.image(BASE)
    diff_id = image.config.diff_ids[0]
    with parts.layers.building(None) as key:
        assert parts.layers.freeze(key, diff_id, None) == diff_id
        assert parts.snapshots.stat(key).kind == "active"
    assert parts.snapshot_keys() == [str(diff_id)]


def test_check_tells_whether_a_blob_is_the_layer(parts: Parts) -> None:
    """Is another layer's blob told apart without unpacking it?"""
    layer, diff_id = parts.layer(BASE)
    assert parts.layers.check(layer, diff_id)
    assert not parts.layers.check(layer, Digest.of(b"other"))


def shown(parts: Parts, key: str) -> dict[str, tuple[str, int]]:
    """What a container upon `key` sees: path -> kind and size, permission bits."""
    found = {}
    folders = [parts.snapshots.upper(key), *parts.snapshots.lowers(key)]
    fds = [os.open(folder, os.O_RDONLY) for folder in folders]
    for entry in Stack(fds).walk():
        status = entry.node.stat
        kind = {0o040000: "folder", 0o120000: "link"}.get(status.st_mode & 0o170000, "file")
        text = kind if kind == "folder" else f"{kind} {status.st_size}"
        found[entry.node.path.decode()] = (text, status.st_mode & 0o7777)
    for fd in fds:
        os.close(fd)
    return found


def test_containers_start_from_a_layer_with_places_to_mount_on(parts: Parts) -> None:
    """Does the layer under a container hold Docker's mount points, and hide the image's hosts?"""
    image = parts.image(BASE | {"dev": b"a file in the way", "tmp": None})
    seen = shown(parts, parts.layers.container_parent(image))
    assert seen["etc/hosts"] == ("file 0", 0o755)
    assert seen["etc/mtab"] == ("link 12", 0o777)
    assert seen[".dockerenv"][0] == seen["dev/console"][0] == "file 0"
    for folder in ("dev", "dev/pts", "dev/shm", "proc", "sys"):
        assert seen[folder] == ("folder", 0o755)
    assert seen["bin/sh"][0] == "file 2"
    assert "tmp" in seen


def test_directories_of_the_image_keep_owner_and_mode(parts: Parts) -> None:
    """Does the merged directory look as in the image, and is one at a mount point kept?"""
    image = parts.image({"etc": None, "etc/hosts": None, "proc": None})
    chain = parts.snapshots.upper(str(image.config.diff_ids[0]))
    (chain / "etc").chmod(0o700)
    key = parts.layers.container_parent(image)
    assert (parts.snapshots.upper(key) / "etc").stat().st_mode & 0o7777 == 0o700
    assert not (parts.snapshots.upper(key) / "etc" / "hosts").exists()
    assert not (parts.snapshots.upper(key) / "proc").exists()


def test_the_layer_under_containers_is_made_once(parts: Parts) -> None:
    """Do all containers of an image, and of the empty one, start from the same snapshot?"""
    image = parts.image(BASE)
    assert parts.layers.container_parent(image) == parts.layers.container_parent(image)
    assert parts.layers.container_parent(image) == f"{image.config.diff_ids[0]}-init"
    empty = parts.layers.container_parent(None)
    parts.layers.collect()
    assert empty in parts.snapshot_keys()
    assert ".dockerenv" in shown(parts, empty)


def test_inspect_names_the_folders_of_the_layers(parts: Parts) -> None:
    """Does what `docker inspect` shows point at the real folders?"""
    image = parts.image(BASE, {"app": b""})
    driver = parts.layers.driver(image.config)
    assert driver["Name"] == "overlay2"
    assert (Path(driver["Data"]["UpperDir"]) / "app").exists()
    assert (Path(driver["Data"]["LowerDir"]) / "etc").is_dir()


def test_a_sweep_waits_for_leases(parts: Parts) -> None:
    """Are blobs kept while somebody may still want them, and deleted when that is over?"""
    layer, _ = parts.layer(BASE)
    with parts.layers.lease():
        parts.layers.sweep()
        assert parts.blobs.has(layer.digest)
    assert not parts.blobs.has(layer.digest)


def test_what_a_failed_lease_stored_is_deleted(parts: Parts) -> None:
    """Does an error within a lease leave no blobs, and success all of them?"""
    image = parts.image(BASE)
    with pytest.raises(InvalidParameter), parts.layers.lease():
        stored, _ = parts.layer({"other": b"other"})
        raise InvalidParameter("given up")
    assert not parts.blobs.has(stored.digest)
    assert parts.blobs.has(image.layers[0].digest)
