"""A Hub that is served on a unix socket, and images in its catalog and repositories."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from argon2 import PasswordHasher

from lab.engine.registries import Registries
from lab.engine.transfer import Transfer
from lab.image.pack import store_layer
from lab.oci.descriptor import OCI_CONFIG, OCI_MANIFEST, Descriptor
from lab.oci.digest import Digest
from lab.oci.image_config import History, ImageConfig
from lab.oci.manifest import Manifest
from lab.oci.reference import Reference
from lab.registry.endpoint import Credentials, Endpoint
from lab.registry.hub import Hub
from lab.registry.names import Repository, Tag
from lab.registry.source import StoredManifest

from .image_parts import Files, Parts, tar

T = TypeVar("T")
ALICE = Credentials("alice", "sesame")
CAROL = Credentials("carol", "swordfish")
REF_NAME = "org.opencontainers.image.ref.name"
NOWHERE = Endpoint(("http://127.0.0.1:1",))
"""An address where nobody listens."""


@dataclass(frozen=True)
class Packed:
    """An image as a registry holds it."""

    blobs: dict[Digest, bytes]
    manifest: bytes
    config: bytes

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)

    @property
    def id(self) -> Digest:
        return Digest.of(self.config)


def packed(folder: Path, *layers: Files, comment: str = "") -> Packed:
    """Pack an image."""
    from lab.image.blobs import BlobStore

    store = BlobStore(folder)
    config = ImageConfig("amd64", "linux")
    blobs, described = {}, []
    for files in layers:
        layer, diff_id = store_layer(iter([tar(files)]), store)
        config = config.with_step(History("2026-01-02T03:04:05Z", comment=comment), diff_id)
        blobs[layer.digest] = store.path(layer.digest).read_bytes()
        described.append(layer)
    return pack(config.to_bytes(), described, blobs)


def pack(config: bytes, layers: list[Descriptor], blobs: Mapping[Digest, bytes]) -> Packed:
    """Put a manifest over blobs."""
    descriptor = Descriptor(OCI_CONFIG, Digest.of(config), len(config))
    # unlike what this engine would write itself
    notes = {"org.example.made-by": "somebody else"}
    manifest = Manifest(descriptor, tuple(layers), annotations=notes).to_bytes()
    return Packed({**blobs, Digest.of(config): config}, manifest, config)


def write_catalog(folder: Path, images: Mapping[str, Packed]) -> None:
    """Make an image layout whose images bear these names."""
    entries = []
    for name, image in images.items():
        for digest, content in {**image.blobs, image.digest: image.manifest}.items():
            path = folder / "blobs" / digest.algorithm / digest.hex
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        descriptor = Descriptor(
            OCI_MANIFEST, image.digest, len(image.manifest), annotations={REF_NAME: name}
        )
        entries.append(descriptor.to_json())
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


def store(hub: Hub, name: str, tag: str, image: Packed, media_type: str = OCI_MANIFEST) -> None:
    """Put an image into the Hub's storage, past HTTP."""
    repository = Repository(name)
    for digest, content in image.blobs.items():
        upload = hub.uploads.start(repository)
        upload.append(content)
        upload.verify(digest)
        hub.storage.adopt_upload(repository, digest, upload.path)
        hub.uploads.end(upload)
    manifest = StoredManifest(image.digest, media_type, image.manifest)
    hub.storage.put_manifest(repository, (Tag(tag),), manifest, None)


@dataclass
class World:
    """An engine's images beside a Hub; `said` is what a transfer told."""

    parts: Parts
    hub: Hub
    registries: Registries
    transfer: Transfer
    said: list[dict[str, Any]] = field(default_factory=list)

    async def pull(self, name: str, credentials: Credentials | None = None) -> Any:
        self.said = []
        reference = Reference.parse(name)
        return await self.transfer.pull(reference, credentials, self.said.append)

    async def push(self, name: str, credentials: Credentials | None = ALICE) -> None:
        self.said = []
        await self.transfer.push(Reference.parse(name), credentials, self.said.append)

    def lines(self) -> list[str]:
        """What was said, as the CLI prints it without a terminal."""
        return [
            f"{message['id']}: {message['status']}" if message.get("id") else message["status"]
            for message in self.said
            if "status" in message and not message.get("progress")
        ]


@asynccontextmanager
async def world(
    folder: Path,
    catalog: Mapping[str, Packed] | None = None,
    docker_hub: Endpoint = NOWHERE,
    ready: Path | None = None,
) -> AsyncIterator[World]:
    """Serve a Hub with the account alice, and make an engine's stores beside it.

    `ready` is a disk of layers that are unpacked already.  May be served again in one folder.
    """
    (folder / "engine").mkdir(exist_ok=True)
    write_catalog_at = folder / "catalog"
    write_catalog_at.mkdir(exist_ok=True)
    write_catalog(write_catalog_at, catalog or {})
    parts = Parts(folder / "engine", ready=ready, beside=write_catalog_at if ready else None)
    hub = Hub(folder / "hub", write_catalog_at)
    add_account(hub, ALICE)
    runner = web.AppRunner(hub.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(folder / "hub.sock")).start()
    registries = Registries(hub, folder / "hub.sock", docker_hub)
    transfer = Transfer(parts.store, parts.blobs, parts.layers, registries, parts.journal)
    try:
        yield World(parts, hub, registries, transfer)
    finally:
        transfer.close()
        registries.close()
        await runner.cleanup()
        hub.close()
        parts.close()


@asynccontextmanager
async def registry(folder: Path) -> AsyncIterator[tuple[Hub, str]]:
    """Serve another registry on a port of this machine, with CAROL's account; yield its domain."""
    hub = Hub(folder, None)
    add_account(hub, CAROL)
    runner = web.AppRunner(hub.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield hub, f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        hub.close()


def add_account(hub: Hub, who: Credentials) -> None:
    """Make an account whose password takes no time to check."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(who.password)
    hub.database.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, 0)", (who.username, cheap))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, within a limit."""
    return asyncio.run(asyncio.wait_for(work, 30))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
