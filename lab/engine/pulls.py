"""One pull: from a name to an image with its layers unpacked.

    resolve -> manifest for this machine -> configuration -> layers, three at a time -> unpack in
    order -> image -> names

Nothing of it counts before the image is recorded; what was fetched until then is removed again
when the pull fails or is given up.  Source: OCI distribution-spec, Pulling; the messages are
those of Docker's engine.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

from lab.engine.layers import Layers, chain_ids, chain_upon
from lab.engine.progress import Progress
from lab.engine.registries import Remote
from lab.engine.remote_configs import read_config
from lab.engine.workers import Workers
from lab.errors import DigestMismatch, InvalidParameter, LabError, NotFound
from lab.image.blobs import BlobStore
from lab.image.store import Image, ImageStore
from lab.oci import manifest
from lab.oci.descriptor import DOCKER_CONFIG, OCI_CONFIG, Descriptor, Platform
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig
from lab.oci.manifest import Index, Manifest
from lab.oci.reference import Reference
from lab.registry.client import Resolved
from lab.registry.retries import Waiting

_AT_ONCE = 3
"""How many layers of one pull are downloaded at the same time, as in Docker."""

_BATCH = 1 << 20
_CONFIGS = (OCI_CONFIG, DOCKER_CONFIG)
_LAYERS = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.diff.")


@dataclass(frozen=True, slots=True)
class Stores:
    """What a pull or push works with."""

    images: ImageStore
    blobs: BlobStore
    layers: Layers
    workers: Workers


class Turns:
    """Lets one task at a time fetch a blob; those who come later find it there."""

    def __init__(self) -> None:
        self._locks: dict[Digest, asyncio.Lock] = {}
        self._wanted: Counter[Digest] = Counter()

    @asynccontextmanager
    async def of(self, digest: Digest) -> AsyncIterator[None]:
        """Wait for one's turn."""
        lock = self._locks.setdefault(digest, asyncio.Lock())
        self._wanted[digest] += 1
        try:
            async with lock:
                yield
        finally:
            self._wanted[digest] -= 1
            if not self._wanted[digest]:
                del self._wanted[digest], self._locks[digest]


class Pull:
    """One pull from one registry."""

    def __init__(
        self, stores: Stores, turns: Turns, remote: Remote, progress: Progress, platform: Platform
    ) -> None:
        self._stores = stores
        self._turns = turns
        self._remote = remote
        self._progress = progress
        self._platform = platform
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._stop = threading.Event()

    async def run(self, reference: Reference) -> Image:
        """Fetch the image and record it; its names are the caller's business.

        Raises NotFound, InvalidParameter, DigestMismatch, RegistryError, SyscallError; nothing
        is left then.  Cancelling the task gives the pull up.
        """
        about = str(reference) if reference.digest else reference.tag
        self._progress.say(f"Pulling from {reference.path}", about)
        chosen = await self._manifest(reference)
        with suppress(NotFound):
            known = self._stores.images.get(chosen.config.digest)
            if self._stores.layers.has_all(known.config):
                return known
        return await self._fetch(chosen)

    # --- what is to be fetched

    async def _manifest(self, reference: Reference) -> Manifest:
        """Return the manifest for this machine, and store what led to it."""
        resolved = self._remote.resolved
        for _ in range(2):
            document = manifest.parse(resolved.content, resolved.descriptor.media_type)
            await self._stores.workers.run(self._keep, resolved)
            if isinstance(document, Manifest):
                return _checked(document)
            entry = _select(document, self._platform)
            resolved = await self._remote.client.resolve(reference.with_digest(entry.digest))
        raise InvalidParameter("unsupported manifest: an index of indexes")

    def _keep(self, resolved: Resolved) -> None:
        with self._stores.blobs.ingest(resolved.descriptor.digest) as ingest:
            ingest.write(resolved.content)
            ingest.commit()

    async def _config(self, chosen: Manifest) -> tuple[bytes, ImageConfig]:
        try:
            content = await read_config(self._remote, chosen.config)
            config = ImageConfig.from_bytes(content)
        except LabError as error:
            error.message = f"error pulling image configuration: {error.message}"
            raise
        if config.os not in ("", "linux"):
            raise InvalidParameter(
                f'cannot download image with operating system "{config.os}" when requesting "linux"'
            )
        if len(config.diff_ids) != len(chosen.layers):
            raise InvalidParameter("layers from manifest don't match image configuration")
        return content, config

    # --- fetching and unpacking

    async def _fetch(self, chosen: Manifest) -> Image:
        content, config = await self._config(chosen)
        chains = chain_ids(config.diff_ids)
        with self._stores.layers.hold(chains):
            missing = self._announce(chosen.layers, chains)
            downloads = {
                layer.digest: asyncio.create_task(self._download(layer))
                for layer in chosen.layers[missing:]
            }
            try:
                for place in range(missing, len(chains)):
                    layer = chosen.layers[place]
                    await downloads[layer.digest]
                    await self._unpack(layer, config.diff_ids[place], chains[:place])
            finally:
                await _end(downloads.values())
            size = sum(self._stores.layers.sizes(config))
            add = self._stores.images.add
            return await self._stores.workers.run(add, content, chosen.layers, size)

    def _announce(self, layers: tuple[Descriptor, ...], chains: list[Digest]) -> int:
        """Say which layers are there; return how many, counted from the base."""
        stores = self._stores
        missing = 0
        for layer, chain in zip(layers, chains, strict=True):
            if not (stores.layers.has(chain) and stores.blobs.has(layer.digest)):
                break
            self._progress.state(layer.digest, "Already exists")
            missing += 1
        for digest in dict.fromkeys(layer.digest for layer in layers[missing:]):
            self._progress.state(digest, "Pulling fs layer")
        return missing

    async def _download(self, layer: Descriptor) -> None:
        if self._slots.locked():
            self._progress.state(layer.digest, "Waiting")
        async with self._slots, self._turns.of(layer.digest):
            if not self._stores.blobs.has(layer.digest):
                await self._get_proved(layer)
        self._progress.state(layer.digest, "Download complete")

    async def _get_proved(self, layer: Descriptor) -> None:
        """Fetch a layer; once more from its beginning if what several attempts gave is wrong."""
        pauses: list[int] = []

        def waiting(left: int) -> None:
            pauses.append(left)
            self._progress.retrying(layer.digest, left)

        for is_last in (False, True):
            try:
                return await self._get(layer, waiting)
            except InvalidParameter:
                if is_last or not pauses:
                    raise DigestMismatch(
                        f"filesystem layer verification failed for digest {layer.digest}"
                    ) from None

    async def _get(self, layer: Descriptor, waiting: Waiting) -> None:
        run = self._stores.workers.run
        blobs = self._stores.blobs
        path = self._remote.file(layer.digest)
        if path is not None:
            # the Hub is on this very disk: the file gets a second name
            await run(blobs.adopt, path, layer.digest)
            self._progress.advance(layer.digest, "Downloading", layer.size, layer.size)
            self._progress.state(layer.digest, "Verifying Checksum")
            return
        with blobs.ingest(layer.digest, layer.size) as ingest:
            async for batch in self._batches(layer, waiting):
                await run(ingest.write, batch)
                self._progress.advance(layer.digest, "Downloading", ingest.written, layer.size)
            self._progress.state(layer.digest, "Verifying Checksum")
            await run(ingest.commit)

    async def _batches(self, layer: Descriptor, waiting: Waiting) -> AsyncIterator[bytes]:
        """Yield a blob in pieces that are worth a change of threads."""
        batch = bytearray()
        fetched = self._remote.client.fetch(self._remote.path, layer, waiting)
        async with aclosing(fetched) as pieces:
            async for piece in pieces:
                batch += piece
                if len(batch) >= _BATCH:
                    yield bytes(batch)
                    batch.clear()
        if batch:
            yield bytes(batch)

    async def _unpack(self, layer: Descriptor, diff_id: Digest, below: list[Digest]) -> None:
        def report(read: int) -> None:
            if self._stop.is_set():
                raise LabError("layer registration cancelled")
            self._progress.advance(layer.digest, "Extracting", min(read, layer.size), layer.size)

        try:
            await self._stores.workers.run_until(
                self._stop, self._register, layer, diff_id, below, report
            )
        except LabError as error:
            error.message = f"failed to register layer: {error.message}"
            raise
        self._progress.state(layer.digest, "Pull complete")

    def _register(
        self,
        layer: Descriptor,
        diff_id: Digest,
        below: list[Digest],
        report: Callable[[int], None],
    ) -> None:
        layers = self._stores.layers
        parent = below[-1] if below else None
        chain = chain_upon(parent, diff_id)
        unproved = layers.has(chain) and not layers.is_ready(layer, chain)
        if unproved and not layers.check(layer, diff_id):
            # the files are there already, but this blob holds others
            raise DigestMismatch(f"invalid diffID: {layer.digest} is not {diff_id}")
        layers.unpack(layer, diff_id, parent, report)


def _checked(document: Manifest) -> Manifest:
    """Return a manifest that is of an image; InvalidParameter if it is of something else."""
    if document.config.media_type not in _CONFIGS:
        raise InvalidParameter(f"unsupported media type {document.config.media_type}")
    for layer in document.layers:
        if not layer.media_type.startswith(_LAYERS):
            raise InvalidParameter(f"unsupported media type {layer.media_type}")
    return document


def _select(index: Index, wanted: Platform) -> Descriptor:
    if wanted.variant:
        for entry in index.manifests:
            if entry.platform == wanted:
                return entry
    return index.select(wanted.os, wanted.architecture)


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel what still runs, and wait for it."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
