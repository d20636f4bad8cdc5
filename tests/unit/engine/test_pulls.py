"""Pulls from a real Hub: what is said, what is there afterwards, what is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.layers import chain_ids
from lab.errors import Forbidden, InvalidParameter, NotFound
from lab.image.validate import validate
from lab.oci.descriptor import OCI_INDEX, OCI_MANIFEST, Descriptor, Platform
from lab.oci.digest import Digest
from lab.oci.manifest import Index
from lab.oci.reference import Reference

from .hub_parts import Packed, World, packed, run, store, world

BASE = {"etc": None, "etc/os-release": b"NAME=lab\n"}
TOP = {"usr/bin/tool": b"#!/bin/sh\n" * 100}


@pytest.fixture
def nginx(tmp_path: Path) -> Packed:
    return packed(tmp_path / "nginx", BASE, TOP)


def short(image: Packed, place: int) -> str:
    return [digest.hex[:12] for digest in image.blobs][place]


def is_empty(world: World) -> bool:
    """Whether nothing is left of a pull."""
    parts = world.parts
    return not (parts.store.all() or parts.snapshot_keys() or list(parts.blobs.digests()))


# --- pull


def test_a_pull_makes_an_image(tmp_path: Path, nginx: Packed) -> None:
    """Is an official image there after a pull: whole, named, unpacked, journalled?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx:latest": nginx}) as lab:
            image = await lab.pull("nginx")
            assert image.id == nginx.id
            assert validate(image, lab.parts.blobs) == []
            store = lab.parts.store
            assert [name.familiar() for name in store.tags_of(image.id)] == ["nginx:latest"]
            assert [str(name.digest) for name in store.digests_of(image.id)] == [str(nginx.digest)]
            assert all(map(lab.parts.layers.has, chain_ids(image.config.diff_ids)))
            assert image.size == 9 + 1000
            entry = list(lab.parts.journal.replay())[-1]
            assert (entry.type, entry.action, entry.actor) == ("image", "pull", "nginx:latest")
            assert entry.attributes == {
                "name": "nginx",
                "repository": "docker.io/library/nginx",
                "tag": "latest",
                "digest": str(nginx.digest),
                "image": str(nginx.id),
            }

    run(work())


def test_a_pull_says_what_docker_says(tmp_path: Path, nginx: Packed) -> None:
    """Are the messages, in their order, those of Docker?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx:latest": nginx}) as lab:
            await lab.pull("nginx")
            one, two = short(nginx, 0), short(nginx, 1)
            said = lab.lines()
            assert said[:3] == [
                "latest: Pulling from library/nginx",
                f"{one}: Pulling fs layer",
                f"{two}: Pulling fs layer",
            ]
            assert said[-3:] == [
                f"{two}: Pull complete",
                f"Digest: {nginx.digest}",
                "Status: Downloaded newer image for nginx:latest",
            ]
            for layer in (one, two):
                own = [line.partition(": ")[2] for line in said if line.startswith(layer)]
                assert own == [
                    "Pulling fs layer",
                    "Verifying Checksum",
                    "Download complete",
                    "Pull complete",
                ]
            extracting = [each for each in lab.said if each.get("status") == "Extracting"]
            assert extracting[-1]["progressDetail"]["current"] > 0
            assert extracting[-1]["progress"].startswith("[")
            await lab.pull("nginx")
            assert lab.lines()[1:] == [
                f"Digest: {nginx.digest}",
                "Status: Image is up to date for nginx:latest",
            ]

    run(work())


def test_a_shared_layer_is_not_fetched_again(tmp_path: Path, nginx: Packed) -> None:
    """Is a base that is there already said to be, and only the rest pulled?"""
    redis = packed(tmp_path / "redis", BASE, {"usr/bin/redis": b"redis"})

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx, "redis": redis}) as lab:
            await lab.pull("nginx")
            await lab.pull("redis")
            assert lab.lines()[1:3] == [
                f"{short(redis, 0)}: Already exists",
                f"{short(redis, 1)}: Pulling fs layer",
            ]
            assert len(lab.parts.snapshot_keys()) == 3

    run(work())


def test_a_moved_tag_leaves_the_old_image_without_one(tmp_path: Path, nginx: Packed) -> None:
    """Does a newer image take the tag, and the older one keep its digest?"""
    newer = packed(tmp_path / "newer", BASE, {"new": b"new"})

    async def work() -> None:
        async with world(tmp_path) as lab:
            store(lab.hub, "alice/web", "latest", nginx)
            await lab.pull("alice/web")
            store(lab.hub, "alice/web", "latest", newer)
            image = await lab.pull("alice/web")
            assert lab.lines()[-1] == "Status: Downloaded newer image for alice/web:latest"
            assert image.id == newer.id
            assert lab.parts.store.tags_of(nginx.id) == []
            assert len(lab.parts.store.digests_of(nginx.id)) == 1

    run(work())


def test_an_image_is_pulled_by_its_digest(tmp_path: Path, nginx: Packed) -> None:
    """Does a pull by digest give no tag, and say the whole name?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            image = await lab.pull(f"nginx@{nginx.digest}")
            assert lab.parts.store.tags_of(image.id) == []
            whole = f"docker.io/library/nginx@{nginx.digest}"
            assert lab.lines()[0] == f"{whole}: Pulling from library/nginx"
            status = f"Status: Downloaded newer image for nginx@{nginx.digest}"
            assert lab.lines()[-1] == status
            await lab.pull(f"nginx@{nginx.digest}")
            assert lab.lines()[-1] == f"Status: Image is up to date for nginx@{nginx.digest}"

    run(work())


def test_blobs_come_over_http_too(tmp_path: Path, nginx: Packed) -> None:
    """Is a layer downloaded where the registry's files are out of reach?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            lab.registries._file_of = lambda path: lambda digest: None  # type: ignore[method-assign]
            image = await lab.pull("nginx")
            assert validate(image, lab.parts.blobs) == []
            assert any(each.get("status") == "Downloading" for each in lab.said)

    run(work())


def test_the_catalogs_files_are_linked(tmp_path: Path, nginx: Packed) -> None:
    """Does a layer of the Hub's take no more room on the same disk?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            await lab.pull("nginx")
            layer = next(iter(nginx.blobs))
            assert lab.parts.blobs.path(layer).stat().st_nlink == 2

    run(work())


def index_of(hub_image: Packed, platform: Platform) -> bytes:
    entry = Descriptor(OCI_MANIFEST, hub_image.digest, len(hub_image.manifest), platform=platform)
    return Index((entry,)).to_bytes()


def store_index(lab: World, image: Packed, platform: Platform) -> bytes:
    """Store an image of alice's whose tag is an index of one platform."""
    store(lab.hub, "alice/multi", "one", image)
    content = index_of(image, platform)
    as_index = Packed({}, content, image.config)
    store(lab.hub, "alice/multi", "latest", as_index, OCI_INDEX)
    return content


def test_an_index_leads_to_this_machines_image(tmp_path: Path, nginx: Packed) -> None:
    """Is the platform chosen, and the index's digest the one that is shown and kept?"""

    async def work() -> None:
        async with world(tmp_path) as lab:
            content = store_index(lab, nginx, Platform("linux", "s390x", "v1"))
            image = await lab.transfer.pull(
                Reference.parse("alice/multi"),
                None,
                lab.said.append,
                Platform("linux", "s390x"),
            )
            assert image.id == nginx.id
            digests = lab.parts.store.digests_of(image.id)
            assert [name.digest for name in digests] == [Digest.of(content)]
            assert lab.parts.blobs.has(nginx.digest)

    run(work())


def test_an_index_without_our_platform_is_refused(tmp_path: Path, nginx: Packed) -> None:
    """Is the refusal Docker's, and nothing left?"""

    async def work() -> None:
        async with world(tmp_path) as lab:
            store_index(lab, nginx, Platform("windows", "amd64"))
            with pytest.raises(InvalidParameter, match="no matching manifest for linux/"):
                await lab.pull("alice/multi")
            assert is_empty(lab)

    run(work())


def test_unknown_images_are_told_apart_as_by_docker(tmp_path: Path, nginx: Packed) -> None:
    """Is the wording right for an unknown image and an unknown tag, without the internet?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            with pytest.raises(NotFound) as caught:
                await lab.pull("nosuch")
            assert caught.value.message == (
                "pull access denied for nosuch, repository does not exist or may require "
                "'docker login': denied: requested access to the resource is denied"
            )
            with pytest.raises(NotFound) as caught:
                await lab.pull("nginx:9")
            assert caught.value.message == (
                "manifest for nginx:9 not found: manifest unknown: manifest unknown"
            )
            with pytest.raises(Forbidden, match="'scratch' is a reserved name"):
                await lab.pull("scratch")
            assert lab.said == []

    run(work())
