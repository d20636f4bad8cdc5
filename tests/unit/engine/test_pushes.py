"""Pushes to a real Hub: what is said, and what arrives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.errors import Forbidden, InvalidParameter, NotFound
from lab.oci.reference import Reference

from .hub_parts import ALICE, CAROL, Packed, packed, registry, run, world

BASE = {"etc": None, "etc/os-release": b"NAME=lab\n"}
TOP = {"usr/bin/tool": b"#!/bin/sh\n" * 100}


@pytest.fixture
def nginx(tmp_path: Path) -> Packed:
    return packed(tmp_path / "nginx", BASE, TOP)


def test_a_push_is_told_and_can_be_pulled(tmp_path: Path) -> None:
    """Does a built image arrive at the Hub, said as Docker says it, and come back the same?"""

    async def work() -> None:
        async with world(tmp_path) as lab:
            parts = lab.parts
            image = parts.image(BASE, TOP)
            parts.store.tag(Reference.parse("alice/app"), image.id)
            await lab.push("alice/app:latest")
            low, high = (diff_id.hex[:12] for diff_id in image.config.diff_ids)
            said = lab.lines()
            assert said[:3] == [
                "The push refers to repository [docker.io/alice/app]",
                f"{high}: Preparing",
                f"{low}: Preparing",
            ]
            assert {f"{high}: Pushed", f"{low}: Pushed"} <= set(said)
            result = lab.said[-1]["aux"]
            assert said[-1] == f"latest: digest: {result['Digest']} size: {result['Size']}"
            assert result["Tag"] == "latest"
            entry = list(parts.journal.replay())[-1]
            assert (entry.action, entry.actor) == ("push", "alice/app:latest")
            assert entry.attributes["digest"] == result["Digest"]
            assert entry.attributes["image"] == str(image.id)
            assert [str(name.digest) for name in parts.store.digests_of(image.id)] == [
                result["Digest"]
            ]
            parts.store.delete(image.id)
            parts.layers.collect()
            assert (await lab.pull("alice/app")).id == image.id

    run(work())


def test_what_is_there_is_not_uploaded_again(tmp_path: Path, nginx: Packed) -> None:
    """Are layers of the same registry mounted, and those of the same repository left alone?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            image = await lab.pull("nginx")
            lab.parts.store.tag(Reference.parse("alice/copy:1"), image.id)
            await lab.push("alice/copy:1")
            layers = [diff_id.hex[:12] for diff_id in image.config.diff_ids]
            assert {f"{each}: Mounted from library/nginx" for each in layers} <= set(lab.lines())
            await lab.push("alice/copy:1")
            assert {f"{each}: Layer already exists" for each in layers} <= set(lab.lines())

    run(work())


def test_what_was_pulled_is_pushed_unchanged(tmp_path: Path, nginx: Packed) -> None:
    """Does a pulled image have the same digest in another repository?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            image = await lab.pull("nginx")
            lab.parts.store.tag(Reference.parse("alice/copy:1"), image.id)
            await lab.push("alice/copy:1")
            assert lab.said[-1]["aux"]["Digest"] == str(nginx.digest)

    run(work())


@pytest.mark.parametrize("credentials", [None, ALICE])
def test_only_the_owner_may_push(tmp_path: Path, nginx: Packed, credentials: Any) -> None:
    """Is a push without login, or to another's name, denied in Docker's words?"""
    name = "bobby/app" if credentials else "alice/app"

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            image = await lab.pull("nginx")
            lab.parts.store.tag(Reference.parse(name), image.id)
            with pytest.raises(Forbidden) as caught:
                await lab.push(f"{name}:latest", credentials)
            assert caught.value.message == ("denied: requested access to the resource is denied")
            assert lab.lines()[0] == f"The push refers to repository [docker.io/{name}]"
            assert not list(lab.hub.storage.repositories())

    run(work())


def test_a_push_of_nothing_says_what_is_missing(tmp_path: Path, nginx: Packed) -> None:
    """Are unknown names, tags and digests refused as by Docker?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            with pytest.raises(NotFound) as caught:
                await lab.push("alice/app:1")
            assert caught.value.message == (
                "An image does not exist locally with the tag: alice/app"
            )
            image = await lab.pull("nginx")
            lab.parts.store.tag(Reference.parse("alice/app:2"), image.id)
            with pytest.raises(NotFound, match="tag does not exist: alice/app:1"):
                await lab.push("alice/app:1")
            with pytest.raises(InvalidParameter, match="cannot push a digest reference"):
                await lab.push(f"alice/app@{nginx.digest}")

    run(work())


def test_all_tags_are_pushed_without_one(tmp_path: Path, nginx: Packed) -> None:
    """Does a push without a tag push every tag of the repository?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            image = await lab.pull("nginx")
            for tag in ("1", "2"):
                lab.parts.store.tag(Reference.parse(f"alice/app:{tag}"), image.id)
            await lab.push("alice/app")
            from lab.registry.names import Repository

            assert lab.hub.storage.tags(Repository("alice/app")) == ["1", "2"]

    run(work())


def test_a_blob_that_is_gone_cannot_be_pushed(tmp_path: Path) -> None:
    """Does a push say so when a layer's blob is not here any more?"""

    async def work() -> None:
        async with world(tmp_path) as lab:
            image = lab.parts.image(BASE)
            lab.parts.store.tag(Reference.parse("alice/app"), image.id)
            lab.parts.blobs.delete(image.layers[0].digest)
            with pytest.raises(NotFound, match="pull the image again"):
                await lab.push("alice/app:latest")

    run(work())


def test_another_registry_gets_and_gives_images(tmp_path: Path, nginx: Packed) -> None:
    """Are pushes and pulls of names with a host sent there, over plain HTTP on this machine?"""

    async def work() -> None:
        async with (
            world(tmp_path, {"nginx": nginx}) as lab,
            registry(tmp_path / "other") as (other, domain),
        ):
            image = await lab.pull("nginx")
            name = f"{domain}/carol/copy:1"
            lab.parts.store.tag(Reference.parse(name), image.id)
            await lab.push(name, CAROL)
            assert lab.lines()[0] == f"The push refers to repository [{domain}/carol/copy]"
            # its registry does not have the layers of the lab's Hub
            assert sum("Pushed" in line for line in lab.lines()) == 2
            assert other.storage.repositories() == ["carol/copy"]
            lab.parts.store.delete(image.id)
            lab.parts.layers.collect()
            assert (await lab.pull(name)).id == image.id
            assert lab.lines()[0] == "1: Pulling from carol/copy"
            status = f"Status: Downloaded newer image for {name}"
            assert lab.lines()[-1] == status

    run(work())
