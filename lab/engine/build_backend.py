"""What the engine does for one build: implements lab.build.backend.Backend.

Its methods run in the build's thread.  What belongs to the event loop (containers and their
lives, pulls) is done there, while the thread waits.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from lab.build.backend import (
    BaseImage,
    Cancelled,
    Change,
    Download,
    Output,
    Populate,
    StepContainer,
)
from lab.build.cache import Candidate
from lab.build.stream import Emit
from lab.engine import sharing
from lab.engine.build_output import StepOutput
from lab.engine.build_records import BuildRecords
from lab.engine.cache_sources import CacheSources
from lab.engine.containers import Container, Containers
from lab.engine.credentials import Wallet
from lab.engine.downloads import download
from lab.engine.image_names import ImageNames
from lab.engine.layers import Layers, chain_upon
from lab.engine.lifecycle import Lifecycle
from lab.engine.machine import own_platform, parse_platform
from lab.engine.mounted import mounted
from lab.engine.settings import CONFIG_DEFAULTS
from lab.engine.transfer import Transfer, is_for
from lab.engine.unfinished import finish
from lab.errors import LabError, NotFound
from lab.image.blobs import BlobStore
from lab.image.layer import write_layer
from lab.image.store import Image, ImageStore
from lab.kernel.idmap import IdMap
from lab.oci.descriptor import Descriptor, Platform
from lab.oci.digest import Digest
from lab.oci.fields import Json
from lab.oci.image_config import ContainerConfig, ImageConfig, chain_id
from lab.oci.reference import Reference
from lab.snapshot.base import Snapshotter

T = TypeVar("T")

_LOOK = 0.3
"""Seconds between two looks at whether the build is to stop."""


@dataclass(frozen=True, slots=True)
class BuildParts:
    """The parts of the engine that builds work with."""

    store: ImageStore
    blobs: BlobStore
    layers: Layers
    snapshots: Snapshotter
    containers: Containers
    lifecycle: Lifecycle
    transfer: Transfer
    names: ImageNames
    records: BuildRecords
    ids: IdMap


@dataclass(frozen=True, slots=True)
class StepSettings:
    """What the request says about a build's containers and pulls.

    `host` is a complete HostConfig; `credentials` are those for the registries that are pulled
    from; `cache_from` names images to take the cache from; `warnings` are told at each step.
    """

    host: Json
    credentials: Wallet
    platform: Platform | None = None
    cache_from: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class BuildBackend:
    """The Backend of one build."""

    def __init__(
        self,
        parts: BuildParts,
        settings: StepSettings,
        loop: asyncio.AbstractEventLoop,
        cancelled: Cancelled,
    ) -> None:
        self._parts = parts
        self._settings = settings
        self._loop = loop
        self._cancelled = cancelled
        self._parents: dict[str, str] = {}
        names = settings.cache_from
        self._sources = CacheSources(parts.store, names) if names else None
        self.base_id = ""  # of the image that the build starts from, once it is known

    # --- images

    def base(self, name: str, pull: bool, emit: Emit, platform: str = "") -> BaseImage:
        found = self._base(name, pull, emit, platform)
        self.base_id = self.base_id or found.id
        return found

    def _base(self, name: str, pull: bool, emit: Emit, platform: str) -> BaseImage:
        wanted = parse_platform(platform) if platform else self._settings.platform
        if not pull:
            try:
                found = self._parts.store.resolve(name)
                if wanted is None or is_for(found, wanted):
                    return _base(found)
            except NotFound:
                pass
        reference = Reference.parse(name)
        credentials = self._settings.credentials(reference.domain)
        work = self._parts.transfer.pull(reference, credentials, emit, wanted)
        return _base(self._unless_cancelled(work))

    @contextmanager
    def view(self, image: str) -> Iterator[Path]:
        parts = self._parts
        below = self._chain(image)
        with ExitStack() as opened:
            key = opened.enter_context(parts.layers.building(below))
            yield opened.enter_context(mounted(parts.snapshots, key, parts.layers.scratch))

    def download(self, url: str, target: Path, emit: Emit, cancelled: Cancelled) -> Download:
        return download(url, target, emit, cancelled)

    def from_named(self, parent: str, change: Change) -> str | None:
        if self._sources is None:
            return None
        found = self._sources.find(self._image(parent), change.record.created_by)
        if found is None:
            return None
        if found.image is not None:
            self._parts.records.add_step(found.image.id, parent, change.record)
            return str(found.image.id)
        return self._add(parent, replace(change, history=found.history), found.layer)

    def candidates(self, parent: str) -> Sequence[Candidate]:
        found = []
        for image_id, record in self._parts.records.steps_from(parent):
            if self._sources is not None and not self._sources.built(image_id):
                continue
            try:
                created = self._parts.store.get(image_id).config.created
            except NotFound:
                self._parts.records.forget_step(image_id)
                continue
            found.append(Candidate(str(image_id), created, record))
        return found

    def add_settings(self, parent: str, change: Change) -> str:
        return self._add(parent, change)

    def add_layer(self, parent: str, change: Change, populate: Populate) -> str:
        parts = self._parts
        below = self._chain(parent)
        with parts.layers.building(below) as key:
            with mounted(parts.snapshots, key, parts.layers.scratch) as root:
                populate(root)
            upper = parts.snapshots.upper(key)
            if _is_empty(upper):
                return self._add(parent, change)
            with parts.layers.lease():
                written = write_layer(upper, parts.ids, parts.blobs)
                with parts.layers.hold([chain_upon(below, written.diff_id)]):
                    parts.layers.freeze(key, written.diff_id, below, written.size)
                    return self._add(parent, change, (written.descriptor, written.diff_id))

    def commit(self, container: str, change: Change) -> str:
        parts = self._parts
        parent = self._parents[container]
        below = self._chain(parent)
        upper = parts.snapshots.upper(container)
        if _is_empty(upper):
            return self._add(parent, change)
        # a copy: the container's own snapshot lies upon another one than the image's layers
        with parts.layers.lease(), parts.layers.building(below) as key:
            copy = parts.snapshots.upper(key)
            written = write_layer(upper, parts.ids, parts.blobs, copy=copy)
            with parts.layers.hold([chain_upon(below, written.diff_id)]):
                parts.layers.freeze(key, written.diff_id, below, written.size)
                return self._add(parent, change, (written.descriptor, written.diff_id))

    def tag(self, image: str, reference: Reference) -> None:
        self._parts.names.tag(self._parts.store.get(Digest.parse(image)), reference)

    # --- containers

    def create(self, parent: str, config: ContainerConfig) -> StepContainer:
        whole = {**CONFIG_DEFAULTS, **config.to_json(), "Image": parent}

        async def create() -> Container:
            host = sharing.adapted(self._settings.host, self._parts.containers.get)
            made = self._parts.containers.create_for_step(self._image(parent), whole, host)
            return await finish(self._parts.containers, made)

        container = self._in_loop(create())
        self._parents[container.id] = parent
        return StepContainer(container.id, self._settings.warnings)

    def run(self, container: str, output: Output, cancelled: Cancelled) -> int:
        found = self._parts.containers.get(container)
        carried = StepOutput(found.streams, self._loop)

        async def start() -> None:
            found.streams.attach(carried)
            await self._parts.lifecycle.start(found)

        self._in_loop(start())
        while True:
            try:
                piece = carried.take(_LOOK)
            except TimeoutError:
                piece = ("stdout", b"")
            if cancelled():
                self.remove(container)
                raise LabError("Build cancelled")
            if piece is None:
                return self._in_loop(self._parts.lifecycle.wait_exit(found))
            output(*piece)

    def remove(self, container: str) -> None:
        try:
            found = self._parts.containers.get(container)
        except NotFound:
            return
        self._in_loop(self._parts.lifecycle.remove(found, force=True, volumes=True))

    # --- helpers

    def _add(
        self, parent: str, change: Change, layer: tuple[Descriptor, Digest] | None = None
    ) -> str:
        """Record the image of a step, whose new layer, if any, is unpacked already."""
        parts = self._parts
        before = self._image(parent)
        layers = list(before.layers) if before else []
        if layer is not None:
            layers.append(layer[0])
        config = change.child(self._config(before), layer[1] if layer else None)
        size = sum(parts.layers.sizes(config))
        image = parts.store.add(config.to_bytes(), layers, size, before.id if before else None)
        parts.records.add_step(image.id, parent, change.record)
        return str(image.id)

    def _image(self, image_id: str) -> Image | None:
        return self._parts.store.get(Digest.parse(image_id)) if image_id else None

    def _config(self, image: Image | None) -> ImageConfig:
        if image is not None:
            return image.config
        platform = own_platform()
        return ImageConfig(platform.architecture, platform.os, variant=platform.variant)

    def _chain(self, image_id: str) -> Digest | None:
        image = self._image(image_id)
        diff_ids = image.config.diff_ids if image else ()
        return chain_id(diff_ids) if diff_ids else None

    def _in_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the event loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _unless_cancelled(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the event loop that may take long, and is given up with the build."""
        job = asyncio.run_coroutine_threadsafe(work, self._loop)
        while True:
            try:
                return job.result(_LOOK)
            except TimeoutError:
                if job.done():
                    raise
                if self._cancelled():
                    job.cancel()
                    raise LabError("Build cancelled") from None


def _base(image: Image) -> BaseImage:
    return BaseImage(str(image.id), image.config)


def _is_empty(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is None
