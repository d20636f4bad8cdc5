"""A backend without an engine: images are folders, and commands do what a table says."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.build.backend import (
    BaseImage,
    Cancelled,
    Change,
    Download,
    Output,
    Populate,
    StepContainer,
)
from lab.build.cache import Candidate, StepRecord
from lab.build.stream import Emit
from lab.errors import BuildError, LabError, NotFound
from lab.kernel.idmap import IdMap
from lab.oci.digest import Digest
from lab.oci.image_config import ContainerConfig, ImageConfig
from lab.oci.reference import Reference

from .cases import BASE, BASE_NAME, BASE_TIME, listing


@dataclass
class Image:
    """One image: its settings, its file system, its parent's id, and how it was made."""

    config: ImageConfig
    files: Path
    parent: str = ""
    record: StepRecord | None = None


@dataclass
class FakeBackend:
    """Implements the Backend protocol in a folder.

    `runs` tells by command line what a command writes (`output`), its exit `code`, and which
    `files` it makes; an unknown command does nothing and succeeds.
    """

    folder: Path
    ids: IdMap
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    containers: dict[str, tuple[str, ContainerConfig]] = field(default_factory=dict)
    started: list[ContainerConfig] = field(default_factory=list)
    on_run: Callable[[], None] = lambda: None
    web: dict[str, bytes] = field(default_factory=dict)
    platforms: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        files = self._new_folder("")
        self._make_base(files)
        self.base_id = self._keep(Image(_config(), files))
        self.tags[BASE_NAME] = self.base_id

    def base(self, name: str, pull: bool, emit: Emit, platform: str = "") -> BaseImage:
        self.platforms.append(platform)
        image = self.tags.get(name, name)
        if image not in self.images:
            raise NotFound(f"No such image: {name}")
        return BaseImage(image, self.images[image].config)

    @contextmanager
    def view(self, image: str) -> Iterator[Path]:
        yield self.images[image].files

    def download(self, url: str, target: Path, emit: Emit, cancelled: Cancelled) -> Download:
        if url not in self.web:
            raise BuildError(f"failed to GET {url} with status 404 Not Found: ")
        target.write_bytes(self.web[url])
        name = url.rpartition("/")[2]
        return Download(name, "application/octet-stream", 1_700_000_000_000_000_000)

    def from_named(self, parent: str, change: Change) -> str | None:
        return None

    def candidates(self, parent: str) -> Sequence[Candidate]:
        return [
            Candidate(id, image.config.created, image.record)
            for id, image in self.images.items()
            if image.record is not None and image.parent == parent
        ]

    def create(self, parent: str, config: ContainerConfig) -> StepContainer:
        container = hashlib.sha256(f"container {next(self._numbers)}".encode()).hexdigest()
        self.containers[container] = (parent, config)
        return StepContainer(container)

    def run(self, container: str, output: Output, cancelled: Cancelled) -> int:
        _, config = self.containers[container]
        self.started.append(config)
        self.on_run()
        if cancelled():
            del self.containers[container]
            raise LabError("build cancelled")
        behaviour = self._behaviour(config)
        for stream, text in behaviour.get("output", ()):
            output(stream, text.encode())
        return int(behaviour.get("code", 0))

    def commit(self, container: str, change: Change) -> str:
        parent, config = self.containers[container]

        def write(root: Path) -> None:
            for name, content in self._behaviour(config).get("files", {}).items():
                (root / name.lstrip("/")).write_text(content)
                self._own(root / name.lstrip("/"))

        return self.add_layer(parent, change, write)

    def add_layer(self, parent: str, change: Change, populate: Populate) -> str:
        files = self._new_folder(parent)
        before = _states(files)
        populate(files)
        layer = Digest.of(str(files).encode()) if _states(files) != before else None
        config = change.child(self._config_of(parent), layer)
        return self._keep(Image(config, files, parent, change.record))

    def add_settings(self, parent: str, change: Change) -> str:
        return self.add_layer(parent, change, lambda root: None)

    def remove(self, container: str) -> None:
        self.containers.pop(container, None)

    def tag(self, image: str, reference: Reference) -> None:
        self.tags[reference.familiar()] = image

    def listed(self, image: str) -> set[str]:
        """What `record.py` would list of the image's files."""
        root = self.images[image].files
        lines = set()
        for path in root.rglob("*"):
            name = str(path.relative_to(root))
            if name != "etc":
                lines.add(self._listed(path, name))
        return lines

    def _listed(self, path: Path, name: str) -> str:
        status = path.lstat()
        kind, what = "file", ""
        if stat.S_ISDIR(status.st_mode):
            kind = "directory"
        elif stat.S_ISLNK(status.st_mode):
            kind, what = "link", os.readlink(path)
        else:
            what = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        owner = (self.ids.to_container(status.st_uid), self.ids.to_container(status.st_gid))
        return listing(name, kind, status.st_mode & 0o7777, owner, status.st_mtime, what)

    def _behaviour(self, config: ContainerConfig) -> dict[str, Any]:
        return self.runs.get(" ".join(config.cmd or ()), {})

    def _config_of(self, image: str) -> ImageConfig:
        return self.images[image].config if image else ImageConfig("amd64", "linux")

    def _keep(self, image: Image) -> str:
        id = str(Digest.of(image.config.to_bytes()))
        self.images[id] = image
        return id

    def _new_folder(self, parent: str) -> Path:
        files = self.folder / f"files{next(self._numbers)}"
        if parent:
            subprocess.run(["cp", "-a", self.images[parent].files, files], check=True)
        else:
            files.mkdir()
            files.chmod(0o755)
            self._own(files)
        return files

    def _make_base(self, root: Path) -> None:
        for name, what in BASE.items():
            path = root / name
            if what is None:
                path.mkdir()
                path.chmod(0o755)
            elif isinstance(what, tuple):
                path.symlink_to(what[1])
            else:
                path.write_text(what)
                path.chmod(0o644)
            self._own(path)
        for path in [root / name for name in reversed(BASE)]:
            os.utime(path, (BASE_TIME, BASE_TIME), follow_symlinks=False)

    def _own(self, path: Path) -> None:
        owner = self.ids.to_sandbox(0)
        os.chown(path, owner, owner, follow_symlinks=False)


def _config() -> ImageConfig:
    return ImageConfig("amd64", "linux", ContainerConfig(cmd=("sh",)))


def _states(root: Path) -> dict[str, tuple[int, int]]:
    """What tells whether anything in the folder was touched."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        found[str(path)] = (status.st_ino, status.st_ctime_ns)
    return found
