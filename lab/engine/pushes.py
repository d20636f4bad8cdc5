"""One push: what a registry lacks of an image, then its manifest.

Source: OCI distribution-spec, Pushing; the messages are those of Docker's engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from lab.engine.progress import Progress
from lab.engine.pulls import Stores
from lab.errors import LabError, NotFound, RegistryError
from lab.image.store import Image
from lab.oci import manifest
from lab.oci.descriptor import (
    DOCKER_LAYER,
    DOCKER_LAYER_GZIP,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    Descriptor,
)
from lab.oci.digest import Digest
from lab.oci.manifest import Manifest
from lab.oci.reference import Reference
from lab.registry.client import RegistryClient

_AT_ONCE = 5
"""How many layers of one push are uploaded at the same time, as in Docker."""

_AS_OCI = {DOCKER_LAYER: OCI_LAYER, DOCKER_LAYER_GZIP: OCI_LAYER_GZIP}


class Push:
    """One push of one name to one registry."""

    def __init__(self, stores: Stores, client: RegistryClient, progress: Progress) -> None:
        self._stores = stores
        self._client = client
        self._progress = progress
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self, reference: Reference, image: Image) -> Digest:
        """Upload the image under the reference's tag; return the manifest's digest.

        Raises NotFound if a blob is not here, Forbidden, Unauthorized, RegistryError.
        """
        document, content = self._manifest(image)
        await self._client.reach()
        await self._upload_layers(reference, image, document)
        await self._upload(reference, document.config)
        digest = await self._client.push_manifest(
            reference.path, reference.tag, content, document.media_type
        )
        await self._stores.workers.run(self._stores.blobs.put, content)
        self._progress.say(f"{reference.tag}: digest: {digest} size: {len(content)}")
        self._progress.aux({"Tag": reference.tag, "Digest": str(digest), "Size": len(content)})
        return digest

    def _manifest(self, image: Image) -> tuple[Manifest, bytes]:
        """Return the manifest with which the image was pulled or pushed before, or a new one."""
        for name in self._stores.images.digests_of(image.id):
            known = self._known_manifest(name.digest, image.id)
            if known is not None:
                return known
        blobs = self._stores.blobs
        document = Manifest(
            config=Descriptor(OCI_CONFIG, image.id, blobs.size(image.id)),
            layers=tuple(
                Descriptor(
                    _AS_OCI.get(layer.media_type, layer.media_type), layer.digest, layer.size
                )
                for layer in image.layers
            ),
        )
        return document, document.to_bytes()

    def _known_manifest(
        self, digest: Digest | None, image_id: Digest
    ) -> tuple[Manifest, bytes] | None:
        """Return a stored manifest of just this image, if all that it names is here."""
        if digest is None:
            return None
        blobs = self._stores.blobs
        try:
            content = blobs.read(digest, manifest.MAX_SIZE)
            document = manifest.parse(content)
        except LabError:
            return None
        if not isinstance(document, Manifest) or document.config.digest != image_id:
            return None
        whole = all(blobs.has(layer.digest) for layer in document.layers)
        return (document, content) if whole else None

    async def _upload_layers(self, reference: Reference, image: Image, document: Manifest) -> None:
        """Upload the layers side by side, each once, the topmost first."""
        jobs: dict[Digest, tuple[Descriptor, Digest]] = {}
        for layer, diff_id in zip(document.layers, image.config.diff_ids, strict=True):
            jobs[layer.digest] = layer, diff_id
        ordered = list(reversed(jobs.values()))
        for _, diff_id in ordered:
            self._progress.state(diff_id, "Preparing")
        tasks = [
            asyncio.create_task(self._upload_layer(reference, layer, diff_id))
            for layer, diff_id in ordered
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _upload_layer(self, reference: Reference, layer: Descriptor, diff_id: Digest) -> None:
        if self._slots.locked():
            self._progress.state(diff_id, "Waiting")
        async with self._slots:
            if await self._has(reference, layer):
                self._progress.state(diff_id, "Layer already exists")
                return
            for origin in self._origins(reference, layer.digest):
                if await self._mount(reference, layer, origin):
                    self._progress.state(diff_id, f"Mounted from {origin}")
                    return
            self._require(layer)
            await self._client.push_blob(
                reference.path,
                layer,
                lambda: self._stores.blobs.open(layer.digest),
                lambda sent: self._progress.advance(diff_id, "Pushing", sent, layer.size),
                lambda left: self._progress.retrying(diff_id, left),
            )
            self._progress.state(diff_id, "Pushed")

    async def _upload(self, reference: Reference, config: Descriptor) -> None:
        if await self._has(reference, config):
            return
        self._require(config)
        await self._client.push_blob(
            reference.path, config, lambda: self._stores.blobs.open(config.digest)
        )

    async def _has(self, reference: Reference, blob: Descriptor) -> bool:
        """Tell whether the registry has a blob; one that cannot say so is sent it."""
        with suppress(RegistryError):
            return await self._client.has_blob(reference.path, blob.digest)
        return False

    async def _mount(self, reference: Reference, layer: Descriptor, origin: str) -> bool:
        """Tell whether the registry took a layer from another repository of its own."""
        with suppress(RegistryError):
            return await self._client.mount_blob(reference.path, layer.digest, origin)
        return False

    def _require(self, blob: Descriptor) -> None:
        if not self._stores.blobs.has(blob.digest):
            raise NotFound(f"content {blob.digest} is not here: pull the image again to push it")

    def _origins(self, reference: Reference, layer: Digest) -> Sequence[str]:
        """Return other repositories of the registry from which it is known to have the layer."""
        found: dict[str, None] = {}
        for image in self._stores.images.all():
            if any(each.digest == layer for each in image.layers):
                for name in self._stores.images.digests_of(image.id):
                    if name.domain == reference.domain and name.path != reference.path:
                        found[name.path] = None
        return list(found)
