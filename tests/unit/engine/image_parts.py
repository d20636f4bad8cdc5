"""Real parts for the tests of images: stores and snapshots in a folder, and small images."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.database import Database
from lab.engine.layers import Layers, chain_ids
from lab.engine.ready import ReadyLayers
from lab.engine.state import Status
from lab.image.blobs import BlobStore
from lab.image.pack import store_layer
from lab.image.store import Image, ImageStore
from lab.journal import Journal
from lab.kernel.idmap import IdMap
from lab.oci.descriptor import Descriptor
from lab.oci.digest import Digest
from lab.oci.image_config import ContainerConfig, History, ImageConfig
from lab.snapshot.overlay import OverlaySnapshotter

IDS = IdMap(0)
Files = Mapping[str, bytes | None]
"""Path -> content; None for a directory."""


@dataclass
class User:
    """A container, as far as images care."""

    id: str
    image: str
    status: Status = Status.EXITED


@dataclass
class Parts:
    """Everything that images need, made in one folder."""

    folder: Path
    users: list[User] = field(default_factory=list)
    ready: Path | None = None
    beside: Path | None = None

    def __post_init__(self) -> None:
        (self.folder / "scratch").mkdir(exist_ok=True)
        self.database = Database(self.folder / "lab.db")
        self.journal = Journal(self.database)
        self.blobs = BlobStore(self.folder / "content", self.beside)
        self.snapshots = OverlaySnapshotter(self.folder / "shots", self.database, IDS)
        self.store = ImageStore(self.database, self.blobs)
        ready = ReadyLayers(self.ready)
        scratch = self.folder / "scratch"
        self.layers = Layers(self.blobs, self.snapshots, self.store, IDS, scratch, ready)

    def using(self, image_id: str) -> list[User]:
        return [user for user in self.users if user.image == image_id]

    def close(self) -> None:
        self.snapshots.close()
        self.database.close()

    def layer(self, files: Files) -> tuple[Descriptor, Digest]:
        """Store a layer's blob; return it with its diff id."""
        return store_layer(iter([tar(files)]), self.blobs)

    def image(
        self,
        *layers: Files,
        parent: Image | None = None,
        created: str = "2026-01-02T03:04:05Z",
        labels: Mapping[str, str] | None = None,
        comment: str = "",
    ) -> Image:
        """Make an image of some layers upon those of `parent`, as a build would."""
        config = parent.config if parent else ImageConfig("amd64", "linux")
        blobs = list(parent.layers) if parent else []
        for files in layers:
            blob, diff_id = self.layer(files)
            blobs.append(blob)
            config = config.with_step(History(created, f"COPY {sorted(files)}"), diff_id)
        if not layers:
            config = config.with_step(History(created, "CMD", comment, empty_layer=True))
        settings = ContainerConfig(cmd=("sh",), labels=dict(labels or {}))
        content = ImageConfig(
            config.architecture, config.os, settings, config.diff_ids, config.history, created
        ).to_bytes()
        with self.layers.hold(chain_ids(config.diff_ids)):
            below: Digest | None = None
            for blob, diff_id in zip(blobs, config.diff_ids, strict=True):
                below = self.layers.unpack(blob, diff_id, below)
            size = sum(self.layers.sizes(config))
            return self.store.add(content, blobs, size, parent.id if parent else None)

    def snapshot_keys(self) -> list[str]:
        """The keys of all snapshots."""
        return [snapshot.key for snapshot in self.snapshots.walk()]

    def events(self) -> list[tuple[str, str]]:
        """Action and name of everything that the journal holds."""
        return [(entry.action, entry.attributes["name"]) for entry in self.journal.replay()]


def tar(files: Files) -> bytes:
    """A plain archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.mode = 0o755
            if content is None:
                member.type = tarfile.DIRTYPE
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content or b""))
    return buffer.getvalue()
