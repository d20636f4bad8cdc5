"""Pulls that fail or are given up: nothing is left, and it is said why."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lab.errors import DigestMismatch, InvalidParameter, LabError
from lab.oci.descriptor import Descriptor
from lab.oci.digest import Digest
from lab.oci.image_config import History, ImageConfig
from lab.oci.reference import Reference

from .hub_parts import Packed, World, pack, packed, run, store, until, world

BASE = {"etc": None, "etc/os-release": b"NAME=lab\n"}
TOP = {"usr/bin/tool": b"#!/bin/sh\n" * 100}


@pytest.fixture
def nginx(tmp_path: Path) -> Packed:
    return packed(tmp_path / "nginx", BASE, TOP)


def is_empty(world: World) -> bool:
    """Whether nothing is left of a pull."""
    parts = world.parts
    return not (parts.store.all() or parts.snapshot_keys() or list(parts.blobs.digests()))


def lying(folder: Path, what: str) -> tuple[Packed, type[LabError], str]:
    """An image that is not what it says, the error, and a part of its message."""
    good = packed(folder, BASE, TOP)
    layers = list(good.blobs)[:2]
    config = ImageConfig.from_bytes(good.config)
    described = [
        Descriptor("application/vnd.oci.image.layer.v1.tar+gzip", digest, len(good.blobs[digest]))
        for digest in layers
    ]
    blobs = dict(good.blobs)
    if what == "another diff id":
        step = History("2026-01-02T03:04:05Z")
        other = ImageConfig("amd64", "linux").with_step(step, config.diff_ids[0])
        other = other.with_step(step, Digest.of(b"other"))
        return pack(other.to_bytes(), described, blobs), DigestMismatch, "failed to register layer"
    if what == "too few layers":
        lie = pack(good.config, described[:1], blobs)
        return lie, InvalidParameter, "layers from manifest don't match image configuration"
    if what == "truncated layer":
        cut = blobs[layers[1]][:-20]
        described[1] = Descriptor(described[1].media_type, Digest.of(cut), len(cut))
        lie = pack(good.config, described, {**blobs, Digest.of(cut): cut})
        return lie, InvalidParameter, "failed to register layer: unexpected EOF"
    if what == "no configuration":
        lie = pack(b'{"config": 7}', described, blobs)
        return lie, InvalidParameter, "error pulling image configuration: "
    assert what == "another system"
    windows = ImageConfig("amd64", "windows", diff_ids=config.diff_ids)
    message = 'cannot download image with operating system "windows"'
    return pack(windows.to_bytes(), described, blobs), InvalidParameter, message


@pytest.mark.parametrize(
    "what",
    [
        "another diff id",
        "too few layers",
        "truncated layer",
        "no configuration",
        "another system",
    ],
)
def test_an_image_that_lies_leaves_nothing(tmp_path: Path, what: str) -> None:
    """Is a bad image refused with a clear message, and neither blob nor snapshot left of it?"""
    image, error, message = lying(tmp_path / "lie", what)

    async def work() -> None:
        async with world(tmp_path) as lab:
            store(lab.hub, "alice/lie", "latest", image)
            with pytest.raises(error) as caught:
                await lab.pull("alice/lie")
            assert message in caught.value.message
            assert is_empty(lab)

    run(work())


@pytest.mark.parametrize("by_http", [False, True])
def test_a_damaged_blob_is_refused(tmp_path: Path, nginx: Packed, by_http: bool) -> None:
    """Is content that does not match its digest never taken, over HTTP or from the disk?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            layer = list(nginx.blobs)[1]
            path = tmp_path / "catalog" / "blobs" / "sha256" / layer.hex
            path.write_bytes(bytes(len(nginx.blobs[layer])))
            if by_http:
                lab.registries._file_of = lambda path: lambda digest: None  # type: ignore[method-assign]
            with pytest.raises(DigestMismatch) as caught:
                await lab.pull("nginx")
            assert caught.value.message == (
                f"filesystem layer verification failed for digest {layer}"
            )
            assert is_empty(lab)

    run(work())


def test_a_blob_that_only_pretends_to_be_a_known_layer_is_refused(
    tmp_path: Path, nginx: Packed
) -> None:
    """Is another blob for a layer that is unpacked already checked against its diff id?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            await lab.pull("nginx")
            other = packed(tmp_path / "other", {"evil": b"evil"})
            described = [
                Descriptor(
                    "application/vnd.oci.image.layer.v1.tar+gzip",
                    next(iter(other.blobs)),
                    len(next(iter(other.blobs.values()))),
                )
            ]
            config = ImageConfig.from_bytes(nginx.config)
            fake = ImageConfig("amd64", "linux", diff_ids=config.diff_ids[:1])
            store(lab.hub, "alice/fake", "latest", pack(fake.to_bytes(), described, other.blobs))
            with pytest.raises(DigestMismatch, match="invalid diffID"):
                await lab.pull("alice/fake")
            assert len(lab.parts.store.all()) == 1

    run(work())


def test_two_pulls_at_once_do_not_collide(tmp_path: Path, nginx: Packed) -> None:
    """Do two clients that pull the same at the same time both get it, fetched once?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx, "nginx:1": nginx}) as lab:
            adopted: list[Any] = []
            adopt = lab.parts.blobs.adopt
            lab.parts.blobs.adopt = lambda path, digest: (  # type: ignore[method-assign]
                adopted.append(digest),
                adopt(path, digest),
            )[1]
            images = await asyncio.gather(
                *(
                    lab.transfer.pull(Reference.parse(name), None, lab.said.append)
                    for name in ("nginx", "nginx:1", "nginx")
                )
            )
            assert {image.id for image in images} == {nginx.id}
            assert sorted(adopted) == sorted(list(nginx.blobs)[:2])
            assert len(lab.parts.snapshot_keys()) == 2

    run(work())


def test_a_pull_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    """Does cancelling stop a pull while it unpacks, with nothing left?"""
    big = packed(tmp_path / "big", *({f"{n}": bytes([n]) * (1 << 20)} for n in range(6)))

    async def work() -> None:
        async with world(tmp_path, {"big": big}) as lab:
            task = asyncio.create_task(lab.pull("big"))
            await until(lambda: any(each.get("status") == "Extracting" for each in lab.said))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert is_empty(lab)
            assert (await lab.pull("big")).id == big.id

    run(work())


def test_unpacking_stops_when_a_pull_is_given_up(tmp_path: Path, nginx: Packed) -> None:
    """Does cancelling end the work on a large layer early, and not only after it?"""

    async def work() -> None:
        async with world(tmp_path, {"nginx": nginx}) as lab:
            stopped = threading.Event()

            def endless(layer: Any, diff_id: Any, parent: Any, progress: Any) -> None:
                for _ in range(10_000):
                    try:
                        progress(1)
                    except LabError:
                        stopped.set()
                        raise
                    time.sleep(0.001)

            lab.parts.layers.unpack = endless  # type: ignore[method-assign,assignment]
            task = asyncio.create_task(lab.pull("nginx"))
            await until(lambda: any(each.get("status") == "Extracting" for each in lab.said))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert stopped.is_set()

    run(work())
