"""The official images themselves, from Docker Hub: for machines that have no Debian packages.

Each image is resolved by its tag when the set-up runs, and the digest that was found is what the
catalog then holds, whatever the tag means later.  Only this machine's platform is fetched.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from lab.catalog.kitchen import Progress
from lab.catalog.layout import REF_NAME
from lab.catalog.recipes import RECIPES, Recipe
from lab.catalog.release import MACHINES
from lab.catalog.stamp import Made
from lab.errors import LabError, Unavailable
from lab.image.blobs import BlobStore
from lab.image.streams import decompress
from lab.oci import fields
from lab.oci.descriptor import Descriptor, Platform
from lab.oci.image_config import ImageConfig
from lab.oci.manifest import Index, Manifest, parse
from lab.oci.reference import Reference
from lab.registry.client import RegistryClient
from lab.registry.endpoint import Endpoint

_MAX_CONFIG = 16 << 20


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An image that was resolved: its manifest, and the descriptor that names it."""

    recipe: Recipe
    entry: Descriptor
    manifest: Manifest
    content: bytes


def download_images(
    folder: Path, docker_hub: Endpoint, missing: Unavailable, progress: Progress
) -> list[Made]:
    """Fill `folder`, an empty one, with a layout of the official images; return what it holds.

    `missing` is why they cannot be made here.  Raises Unavailable, with both reasons, if Docker
    Hub cannot be reached either.
    """
    platform = Platform("linux", MACHINES.get(os.uname().machine, os.uname().machine))
    try:
        return asyncio.run(_Download(folder, docker_hub, platform, progress).run())
    except LabError as error:
        raise Unavailable(
            f"{missing.message}; and Docker Hub, which has them too, did not give them:"
            f" {error.message}",
            f"{missing.hint} Or connect this machine to the internet, and run the set-up again.",
        ) from error


class _Download:
    def __init__(
        self, folder: Path, docker_hub: Endpoint, platform: Platform, progress: Progress
    ) -> None:
        self._folder = folder
        self._platform = platform
        self._progress = progress
        self._client = RegistryClient(docker_hub)
        self._blobs = BlobStore(folder)
        self._total = 1
        self._done = 0

    async def run(self) -> list[Made]:
        try:
            self._progress("asking Docker Hub", 0.0)
            wanted = [await self._resolve(recipe) for recipe in RECIPES]
            self._total = sum(part.size for part in _parts(wanted)) or 1
            made = [await self._fetch(each) for each in wanted]
        finally:
            await self._client.close()
        self._finish(wanted)
        return made

    async def _resolve(self, recipe: Recipe) -> _Wanted:
        reference = Reference.parse(f"{recipe.name}:{recipe.hub_tag}")
        resolved = await self._client.resolve(reference)
        document = parse(resolved.content, resolved.descriptor.media_type)
        if isinstance(document, Index):
            entry = document.select(self._platform.os, self._platform.architecture)
            resolved = await self._client.resolve(reference.with_digest(entry.digest))
            document = parse(resolved.content, resolved.descriptor.media_type)
        if not isinstance(document, Manifest):
            raise Unavailable(f"{reference.familiar()} is an index of indexes, not an image")
        # what a document says of itself counts; the index needs a name for it in any case
        kind = document.media_type or resolved.descriptor.media_type
        entry = Descriptor(kind, resolved.descriptor.digest, len(resolved.content), self._platform)
        return _Wanted(recipe, entry, document, resolved.content)

    async def _fetch(self, wanted: _Wanted) -> Made:
        name = wanted.recipe.name
        path = Reference.parse(name).path
        for part in (wanted.manifest.config, *wanted.manifest.layers):
            await self._blob(name, path, part)
        config = wanted.manifest.config
        await asyncio.to_thread(self._blobs.put, wanted.content)
        ImageConfig.from_bytes(
            await asyncio.to_thread(self._blobs.read, config.digest, _MAX_CONFIG)
        )
        size = sum([await asyncio.to_thread(self._size, part) for part in wanted.manifest.layers])
        return Made(name, str(config.digest), [wanted.recipe.hub_tag], size, size)

    async def _blob(self, name: str, path: str, part: Descriptor) -> None:
        """Fetch a part, unless another image has brought it; verified before it counts."""
        with self._blobs.ingest(part.digest, part.size) as ingest:
            if not self._blobs.has(part.digest):
                async with aclosing(self._client.fetch(path, part)) as pieces:
                    async for data in pieces:
                        await asyncio.to_thread(ingest.write, data)
                        self._done += len(data)
                        self._progress(f"downloading {name}", self._done / self._total)
                await asyncio.to_thread(ingest.commit)

    def _size(self, layer: Descriptor) -> int:
        """Return the bytes of a layer's archive, which also proves that it can be unpacked."""
        with self._blobs.open(layer.digest) as file:
            return sum(map(len, decompress(file, layer.media_type)))

    def _finish(self, wanted: list[_Wanted]) -> None:
        names = tuple(
            Descriptor(
                each.entry.media_type,
                each.entry.digest,
                each.entry.size,
                each.entry.platform,
                {REF_NAME: f"{each.recipe.name}:{each.recipe.hub_tag}"},
            )
            for each in wanted
        )
        (self._folder / "oci-layout").write_bytes(fields.dump({"imageLayoutVersion": "1.0.0"}))
        (self._folder / "index.json").write_bytes(Index(names).to_bytes())
        shutil.rmtree(self._folder / "ingest")


def _parts(wanted: list[_Wanted]) -> list[Descriptor]:
    parts = {
        part.digest: part
        for each in wanted
        for part in (each.manifest.config, *each.manifest.layers)
    }
    return list(parts.values())
