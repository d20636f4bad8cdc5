"""Builds without a sandbox: containers whose commands are functions on their file system."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.engine import build_backend
from lab.engine.build_backend import StepSettings
from lab.engine.builds import BuildRequest, Builds
from lab.engine.transfer import Transfer
from lab.errors import NotFound
from lab.ids import new_id
from lab.image.store import Image
from lab.oci.fields import Json
from lab.runtime.stdio import STDOUT
from lab.snapshot.base import Snapshotter

from .image_parts import IDS, Parts, tar

Command = Callable[[Path], int]
"""Stands for a program: changes the files below a folder, and returns an exit code."""


@dataclass
class FakeStreams:
    """The streams of a container, to which one client is attached."""

    client: Any = None
    resumed: int = 0

    def attach(self, client: Any) -> None:
        self.client = client

    def resume(self) -> None:
        self.resumed += 1


@dataclass
class FakeContainer:
    """A container of a build's step."""

    config: Json
    host: Json
    image: Image | None
    id: str = field(default_factory=new_id)
    streams: FakeStreams = field(default_factory=FakeStreams)
    code: int = 0

    @property
    def record(self) -> SimpleNamespace:
        """No image of these tests has volumes, which would have to be filled."""
        return SimpleNamespace(unfinished=False)


@dataclass
class FakeEngine:
    """Stands for Containers and Lifecycle; `commands` are found by their last word.

    `hanging` commands write a line and go on until their container is removed.
    """

    parts: Parts
    commands: dict[str, Command] = field(default_factory=dict)
    hanging: tuple[str, ...] = ()
    all: dict[str, FakeContainer] = field(default_factory=dict)
    created: list[FakeContainer] = field(default_factory=list)

    def require_room(self) -> None:
        """There is room enough."""

    def create_for_step(self, image: Image | None, config: Json, host: Json) -> FakeContainer:
        container = FakeContainer(config, host, image)
        parent = self.parts.layers.container_parent(image)
        self.parts.snapshots.prepare(container.id, parent)
        self.all[container.id] = container
        self.created.append(container)
        return container

    def get(self, container_id: str) -> FakeContainer:
        if container_id not in self.all:
            raise NotFound(f"No such container: {container_id}")
        return self.all[container_id]

    async def start(self, container: FakeContainer) -> None:
        word = container.config["Cmd"][-1]
        if word in self.hanging:
            container.streams.client.send(STDOUT, b"waiting\n")
            return
        root = self.parts.snapshots.upper(container.id)
        container.code = self.commands.get(word, lambda root: 0)(root)
        container.streams.client.send(STDOUT, f"ran {word}\n".encode())
        container.streams.client.finish()

    async def wait_exit(self, container: FakeContainer) -> int:
        return container.code

    async def remove(
        self, container: FakeContainer, force: bool = False, volumes: bool = False
    ) -> None:
        self.parts.snapshots.remove(container.id)
        del self.all[container.id]


class Builder:
    """Builds on fakes; `said` is what the latest build told."""

    def __init__(self, parts: Parts, transfer: Any = None) -> None:
        self.parts = parts
        self.engine = FakeEngine(parts)
        self.said: list[dict[str, Any]] = []
        engine: Any = self.engine
        nothing: Any = SimpleNamespace(pull=None)
        chosen: Transfer = transfer or nothing
        self.builds = Builds(
            parts.store,
            parts.blobs,
            parts.layers,
            parts.snapshots,
            engine,
            engine,
            chosen,
            parts.journal,
            IDS,
            parts.database,
            parts.folder / "builds",
        )

    async def start(self, dockerfile: str, options: Any, **files: bytes) -> Any:
        import io

        self.said = []
        context = tar({"Dockerfile": dockerfile.encode(), **files})
        request = BuildRequest(options, StepSettings({"Memory": 7}, lambda domain: None))
        return await self.builds.build(io.BytesIO(context), request, self.said.append)

    def build(self, dockerfile: str, options: Any, **files: bytes) -> Any:
        """Build, and return the image."""
        built = asyncio.run(asyncio.wait_for(self.start(dockerfile, options, **files), 20))
        return self.parts.store.resolve(built.image)

    def text(self) -> str:
        """What the build printed."""
        return "".join(message.get("stream", "") for message in self.said)


def show_upper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine look at a snapshot's own changes instead of mounting it: enough for scratch."""

    @contextmanager
    def upper(snapshots: Snapshotter, key: str, scratch: Path) -> Iterator[Path]:
        yield snapshots.upper(key)

    monkeypatch.setattr(build_backend, "mounted", upper)
