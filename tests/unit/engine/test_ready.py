"""Layers that were unpacked when the lab was set up: pulled, pushed, removed, missed."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest

from lab.engine.layers import chain_ids
from lab.engine.ready import ReadyLayers
from lab.errors import NotFound
from lab.image.validate import validate
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig
from lab.oci.reference import Reference

from .hub_parts import ALICE, Packed, World, packed, run, store, world
from .ready_parts import write_ready

BASE = {"etc": None, "etc/os-release": b"NAME=lab\n"}
TOP = {"usr/bin/tool": b"#!/bin/sh\n" * 100}


@pytest.fixture
def nginx(tmp_path: Path) -> Packed:
    return packed(tmp_path / "nginx", BASE, TOP)


@pytest.fixture
def disk(tmp_path: Path, nginx: Packed) -> Path:
    folder = tmp_path / "disk"
    folder.mkdir()
    write_ready(folder, [nginx])
    return folder


def chains(image: Packed) -> list[Digest]:
    return chain_ids(ImageConfig.from_bytes(image.config).diff_ids)


def own_blobs(lab: World, image: Packed) -> set[Digest]:
    """The layers of an image that were copied into the engine's own store."""
    layers = set(image.blobs) - {image.id}
    return layers & set(lab.parts.blobs.digests())


def refuse_to_unpack(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("unpacked, or hashed, what is ready")

    monkeypatch.setattr("lab.engine.layers.apply_layer", refuse)
    monkeypatch.setattr("lab.engine.layers.decompress", refuse)


def test_a_pull_takes_what_is_ready(
    tmp_path: Path, nginx: Packed, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is the image whole after a pull that copies, hashes and unpacks no layer?"""
    refuse_to_unpack(monkeypatch)

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}, ready=disk) as lab:
            image = await lab.pull("nginx")
            parts = lab.parts
            assert own_blobs(lab, nginx) == set()
            assert parts.blobs.has(nginx.id)
            upper = parts.snapshots.upper(str(chains(nginx)[0]))
            assert (upper / "etc/os-release").read_bytes() == b"NAME=lab\n"
            assert upper.resolve().is_relative_to(disk)
            assert image.size == 9 + 1000
            assert parts.layers.sizes(image.config) == [9, 1000]
            key = parts.layers.container_parent(image)
            parts.snapshots.prepare("c", key)
            assert parts.snapshots.mounts("c")
            monkeypatch.undo()
            assert validate(image, parts.blobs) == []

    run(work())


def test_it_looks_like_a_first_pull(tmp_path: Path, nginx: Packed, disk: Path) -> None:
    """Are the messages those of Docker for layers that were not there?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}, ready=disk) as lab:
            await lab.pull("nginx")
            said = lab.lines()
            assert said[0] == "latest: Pulling from library/nginx"
            for layer in list(nginx.blobs)[:2]:
                own = [line.partition(": ")[2] for line in said if line.startswith(layer.hex[:12])]
                assert own == ["Pulling fs layer", "Download complete", "Pull complete"]
            assert said[-1] == "Status: Downloaded newer image for nginx:latest"
            await lab.pull("nginx")
            assert lab.lines()[-1] == "Status: Image is up to date for nginx:latest"

    run(work())


def test_removed_and_pulled_again(tmp_path: Path, nginx: Packed, disk: Path) -> None:
    """Does a removal forget the layers, leave the disk alone, and allow another pull?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}, ready=disk) as lab:
            image = await lab.pull("nginx")
            lab.parts.store.delete(image.id)
            assert lab.parts.layers.collect() == chains(nginx)[::-1]
            lab.parts.layers.sweep()
            lab.parts.snapshots.sweep()
            assert list(lab.parts.blobs.digests()) == []
            assert (disk / "layers" / chains(nginx)[1].hex / "fs/usr/bin/tool").exists()
            assert (await lab.pull("nginx")).id == image.id

    run(work())


def test_an_image_upon_ready_layers(tmp_path: Path, nginx: Packed, disk: Path) -> None:
    """Can a derived image be pushed, removed and pulled, its own layer alone being unpacked?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}, ready=disk) as lab:
            base = await lab.pull("nginx")
            derived = lab.parts.image({"app": b"12345"}, parent=base)
            lab.parts.store.tag(Reference.parse("alice/app"), derived.id)
            await lab.push("alice/app:latest", ALICE)
            mounted = [line for line in lab.lines() if "Mounted from library/nginx" in line]
            assert len(mounted) == 2
            for image in (derived, base):
                lab.parts.store.delete(image.id)
            lab.parts.layers.collect()
            lab.parts.layers.sweep()
            assert (await lab.pull("alice/app")).id == derived.id
            assert own_blobs(lab, nginx) == set()

    run(work())


def test_the_same_layer_in_another_blob_is_not_taken_on_trust(
    tmp_path: Path, nginx: Packed, disk: Path
) -> None:
    """Is a layer unpacked and verified where its blob is not the one that the disk is of?"""
    index = json.loads((disk / "index.json").read_text())
    index["layers"][0]["digest"] = str(Digest.of(b"another blob"))
    (disk / "index.json").write_text(json.dumps(index))

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}, ready=disk) as lab:
            await lab.pull("nginx")
            low, high = (lab.parts.snapshots.upper(str(chain)) for chain in chains(nginx))
            assert not low.resolve().is_relative_to(disk)
            assert high.resolve().is_relative_to(disk)

    run(work())


def test_what_is_ready_but_not_in_the_catalog(tmp_path: Path, nginx: Packed, disk: Path) -> None:
    """Is a layer that another repository has, without the catalog's blob, still only adopted?"""

    async def work() -> None:
        async with world(tmp_path, ready=disk) as lab:
            store(lab.hub, "alice/app", "latest", nginx)
            await lab.pull("alice/app")
            assert own_blobs(lab, nginx) == set(nginx.blobs) - {nginx.id}
            upper = lab.parts.snapshots.upper(str(chains(nginx)[1]))
            assert upper.resolve().is_relative_to(disk)

    run(work())


# --- the next start


def test_a_restart_keeps_them(tmp_path: Path, nginx: Packed, disk: Path) -> None:
    """Are images whole after a restart, also when the disk is mounted elsewhere by then?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}, ready=disk) as lab:
            await lab.pull("nginx")
        moved = disk.with_name("moved")
        disk.rename(moved)
        async with world(tmp_path, {"nginx": nginx}, ready=moved) as lab:
            lab.parts.layers.recover()
            [image] = lab.parts.store.all()
            assert lab.parts.layers.has_all(image.config)
            await lab.pull("nginx")
            assert lab.lines()[-1] == "Status: Image is up to date for nginx:latest"

    run(work())


def test_without_the_disk_images_are_pulled_again(
    tmp_path: Path, nginx: Packed, disk: Path
) -> None:
    """Is a missing layer NotFound for a new container, and there again after a pull?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}, ready=disk) as lab:
            image = await lab.pull("nginx")
            lab.parts.snapshots.prepare("c", lab.parts.layers.container_parent(image))
        shutil.rmtree(disk)
        async with world(tmp_path, {"nginx": nginx}) as lab:
            parts = lab.parts
            parts.layers.recover()
            [image] = parts.store.all()
            assert not parts.layers.has_all(image.config)
            with pytest.raises(NotFound, match=r"No such image: .*layers of it are missing"):
                parts.layers.container_parent(image)
            with pytest.raises(NotFound, match="is missing"):
                parts.snapshots.mounts("c")
            await lab.pull("nginx")
            assert parts.layers.has_all(image.config)
            assert parts.snapshots.mounts("c")
            parts.layers.container_parent(image)
            parts.store.delete(image.id)
            parts.snapshots.remove("c")
            parts.layers.collect()
            assert parts.snapshot_keys() == []

    run(work())


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"layers": 5}', '{"layers": [{}]}', '{"layers": [{"chain": 5}]}'],
)
def test_a_damaged_index(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    """Is an index that cannot be read told, and as good as an empty one?"""
    (tmp_path / "index.json").write_text(content)
    with caplog.at_level(logging.WARNING):
        assert list(ReadyLayers(tmp_path)) == []
    assert "cannot be used" in caplog.text


def test_an_index_that_lies(disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Is a chain id that does not follow from its parts found out?"""
    index = json.loads((disk / "index.json").read_text())
    index["layers"][1]["parent"] = str(Digest.of(b"else"))
    (disk / "index.json").write_text(json.dumps(index))
    with caplog.at_level(logging.WARNING):
        assert list(ReadyLayers(disk)) == []
    assert "is not the chain id" in caplog.text
