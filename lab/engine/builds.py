"""Builds of images: each in a thread of its own, from an uploaded context to a tagged image."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lab.build.builder import Built, build
from lab.build.cache import Decision
from lab.build.plan import BuildOptions
from lab.build.stage import World
from lab.build.stream import Emit, Progress
from lab.database import Database
from lab.engine.build_backend import BuildBackend, BuildParts, StepSettings
from lab.engine.build_records import BuildRecord, BuildRecords
from lab.engine.build_steps import BuildSteps
from lab.engine.containers import Containers
from lab.engine.image_events import log_image
from lab.engine.image_names import ImageNames
from lab.engine.layers import Layers
from lab.engine.lifecycle import Lifecycle
from lab.engine.transfer import Transfer
from lab.engine.workers import Workers
from lab.ids import new_id
from lab.image.blobs import BlobStore
from lab.image.store import ImageStore
from lab.journal import Journal
from lab.kernel.idmap import IdMap
from lab.oci.digest import Digest
from lab.oci.reference import Reference
from lab.snapshot.base import Snapshotter

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What a client asks for: lab.build's options, and what concerns containers and pulls."""

    options: BuildOptions
    settings: StepSettings


class Builds:
    """Runs builds; belongs to the event loop's thread."""

    def __init__(
        self,
        store: ImageStore,
        blobs: BlobStore,
        layers: Layers,
        snapshots: Snapshotter,
        containers: Containers,
        lifecycle: Lifecycle,
        transfer: Transfer,
        journal: Journal,
        ids: IdMap,
        database: Database,
        scratch: Path,
    ) -> None:
        """`scratch` is a folder for uploaded contexts; it is made if it does not exist."""
        self._records = BuildRecords(database)
        self.steps = BuildSteps(self._records)
        self._parts = BuildParts(
            store=store,
            blobs=blobs,
            layers=layers,
            snapshots=snapshots,
            containers=containers,
            lifecycle=lifecycle,
            transfer=transfer,
            names=ImageNames(store, journal, database),
            records=self._records,
            ids=ids,
        )
        self._journal = journal
        self._scratch = scratch
        self._workers = Workers(_AT_ONCE, "build")
        scratch.mkdir(parents=True, exist_ok=True)

    async def build(self, context: BinaryIO, request: BuildRequest, emit: Emit) -> Built:
        """Build an image from a context's archive; messages go to `emit`, from another thread.

        Raises BuildError with the line, Unsupported, NotFound and what else a step may raise.
        SyscallError where the disk is full: before the first step, that is, before any message.
        Cancelling the task ends the build; its containers are removed.
        """
        self._parts.containers.require_room()
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        return await self._workers.run_until(stop, self._build, context, request, emit, loop, stop)

    def history(self) -> list[BuildRecord]:
        """Return the builds that are remembered, the latest first, with the cache's decisions."""
        return self._records.builds()

    def close(self) -> None:
        """End the threads."""
        self._workers.close()

    def _build(
        self,
        context: BinaryIO,
        request: BuildRequest,
        emit: Emit,
        loop: asyncio.AbstractEventLoop,
        stop: threading.Event,
    ) -> Built:
        decisions: list[Decision] = []
        number = self._records.begin_build(time.time_ns())
        backend = BuildBackend(self._parts, request.settings, loop, stop.is_set)

        def decided(decision: Decision) -> None:
            self.steps.decide(number, decision, decisions, lambda: backend.base_id)

        world = World(backend, Progress(emit), self._parts.ids, stop.is_set, decided)
        try:
            built = build(context, self._scratch / new_id(), request.options, world)
        except Exception as error:
            text = getattr(error, "message", str(error))
            base = backend.base_id
            self._records.end_build(number, time.time_ns(), decisions, base=base, error=text)
            raise
        self._records.end_build(
            number,
            time.time_ns(),
            decisions,
            image=built.image,
            base=built.base,
            dockerfile=str(built.dockerfile),
            tags=built.tags,
        )
        self._log(built, number, decisions)
        return built

    def _log(self, built: Built, number: int, decisions: list[Decision]) -> None:
        tags = [Reference.parse(tag).familiar() for tag in built.tags]
        labels = self._parts.store.get(Digest.parse(built.image)).config.config.labels
        log_image(
            self._journal,
            "build",
            built.image,
            tags[0] if tags else built.image,
            labels,
            image=built.image,
            base=built.base,
            dockerfile=str(built.dockerfile),
            tags=",".join(tags),
            number=str(number),
            steps=str(len(decisions)),
            cached=str(sum(decision.hit for decision in decisions)),
        )
