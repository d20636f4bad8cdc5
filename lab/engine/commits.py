"""An image of what a container has become: `docker commit`.  Source: Docker Engine API, ImageCommit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lab.engine import commands
from lab.engine.containers import Container, Containers
from lab.engine.image_names import ImageNames
from lab.engine.imports import apply_changes
from lab.engine.layers import Layers, chain_upon
from lab.engine.machine import own_platform
from lab.engine.pausing import Pausing
from lab.engine.state import Status
from lab.errors import Conflict, LabError, NotFound
from lab.image.blobs import BlobStore
from lab.image.layer import write_layer
from lab.image.store import Image, ImageStore
from lab.kernel.idmap import IdMap
from lab.oci.descriptor import Descriptor
from lab.oci.digest import Digest
from lab.oci.fields import Json
from lab.oci.image_config import ContainerConfig, History, ImageConfig, chain_id
from lab.oci.reference import Reference
from lab.snapshot.base import Snapshotter


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """What a client asks for: `config` are settings that replace the container's, `changes` Dockerfile
    instructions, `pause` whether the container is held meanwhile."""

    name: Reference | None = None
    comment: str = ""
    author: str = ""
    changes: Sequence[str] = ()
    config: Json | None = None
    pause: bool = True


class Commits:
    """Makes images of containers.  Belongs to the event loop's thread."""

    def __init__(
        self,
        containers: Containers,
        pausing: Pausing,
        store: ImageStore,
        layers: Layers,
        blobs: BlobStore,
        snapshots: Snapshotter,
        names: ImageNames,
        ids: IdMap,
    ) -> None:
        self._containers = containers
        self._pausing = pausing
        self._store = store
        self._layers = layers
        self._blobs = blobs
        self._snapshots = snapshots
        self._names = names
        self._ids = ids

    async def commit(self, container: Container, request: CommitRequest) -> Image:
        """Make an image of a container, running or not, and name it if so asked.

        Raises BuildError and InvalidParameter for bad changes; nothing is left then.
        """
        settings = _settings(container, request)
        async with self._held(container, request.pause):
            image = await asyncio.to_thread(self._make, container, settings, request)
            name = ""
            if request.name is not None:
                self._names.tag(image, request.name)
                name = request.name.tagged().familiar()
            self._containers.log_event(
                container, "commit", comment=request.comment, imageID=str(image.id), imageRef=name
            )
        return image

    @asynccontextmanager
    async def _held(self, container: Container, pause: bool) -> AsyncIterator[None]:
        async with container.lock:
            if container.status is Status.REMOVING:
                raise Conflict(f"You cannot commit container {container.id} which is being removed")
            held = False
            if pause and container.status is Status.RUNNING:
                # one that is just ending needs no holding, and one that cannot be held is read as it is
                with suppress(LabError):
                    await self._pausing.hold(container)
                    held = True
        try:
            yield
        finally:
            if held:
                # somebody else may have let it go on, or ended it
                with suppress(LabError):
                    await self._pausing.unpause(container)

    def _make(
        self, container: Container, settings: ContainerConfig, request: CommitRequest
    ) -> Image:
        base = self._store.resolve(container.image_id) if container.image_id else None
        below = chain_id(base.config.diff_ids) if base and base.config.diff_ids else None
        with self._layers.lease(), self._layers.building(below) as key:
            try:
                upper = self._snapshots.upper(container.id)
                if not any(upper.iterdir()):
                    return self._add(base, settings, request, container, None)
                copy = self._snapshots.upper(key)
                written = write_layer(upper, self._ids, self._blobs, copy=copy)
            except (NotFound, FileNotFoundError):
                # removed meanwhile
                raise NotFound(f"No such container: {container.id}") from None
            with self._layers.hold([chain_upon(below, written.diff_id)]):
                self._layers.freeze(key, written.diff_id, below, written.size)
                layer = (written.descriptor, written.diff_id)
                return self._add(base, settings, request, container, layer)

    def _add(
        self,
        base: Image | None,
        settings: ContainerConfig,
        request: CommitRequest,
        container: Container,
        layer: tuple[Descriptor, Digest] | None,
    ) -> Image:
        platform = own_platform()
        before = (
            base.config
            if base is not None
            else ImageConfig(platform.architecture, platform.os, variant=platform.variant)
        )
        entry = History(
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
            created_by=" ".join(container.record.config["Cmd"] or ()),
            comment=request.comment,
            author=request.author,
            empty_layer=layer is None,
        )
        config = replace(before, config=settings, author=request.author).with_step(
            entry, layer[1] if layer else None
        )
        blobs = [*(base.layers if base else ()), *([layer[0]] if layer else ())]
        size = sum(self._layers.sizes(config))
        return self._store.add(config.to_bytes(), blobs, size, base.id if base else None)


def _settings(container: Container, request: CommitRequest) -> ContainerConfig:
    """Return what containers of the new image run with."""
    own = container.record.config
    settings = ContainerConfig.from_json(own)
    if request.config is not None:
        settings = ContainerConfig.from_json(commands.complete(request.config, settings))
    return apply_changes(settings, request.changes)
