"""Snapshots as overlay layers: nothing is copied until it is changed.

    BASE/NUMBER/fs      the snapshot's own changes; of an adopted one, a link to them
    BASE/NUMBER/work    overlay's own folder, for active snapshots

Source: kernel docs, overlayfs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lab.database import Database
from lab.kernel import trees
from lab.kernel.idmap import IdMap
from lab.oci.runtime_spec import Mount
from lab.snapshot.base import Kind, Snapshot
from lab.snapshot.shelf import Shelf, size_of

_ROOT_MODE = 0o755


class OverlaySnapshotter:
    """Keeps each snapshot's changes in a folder and lets the kernel merge them.

    Mounts use `userxattr`, the only form that a user namespace may mount, and `volatile`: what a
    container writes is not flushed when it ends (a power cut loses what was just written).
    """

    def __init__(self, root: Path, database: Database, ids: IdMap) -> None:
        self._shelf = Shelf(root, database, "overlay", "fs")
        self._owner = ids.to_sandbox(0)

    @property
    def base(self) -> Path:
        return self._shelf.base

    def prepare(self, key: str, parent: str | None) -> list[Mount]:
        self._add(key, Kind.ACTIVE, parent)
        return self.mounts(key)

    def view(self, key: str, parent: str | None) -> list[Mount]:
        self._add(key, Kind.VIEW, parent)
        return self.mounts(key)

    def mounts(self, key: str) -> list[Mount]:
        snapshot = self._shelf.require(key, Kind.ACTIVE, Kind.VIEW)
        own, *ancestors = self._shelf.records.with_ancestors(snapshot.key)
        self._shelf.require_whole(ancestors)
        layers = [f"{ancestor.number}/fs" for ancestor in ancestors]
        if snapshot.kind is Kind.VIEW:
            return [self._view_mount(own, layers)]
        if not layers:
            return [_bind(self._fs(own), "rw")]
        self._allow_remount(own)
        options = (
            "lowerdir=" + ":".join(layers),
            f"upperdir={own.number}/fs",
            f"workdir={own.number}/work",
            "userxattr",
            "volatile",
        )
        return [Mount("", "overlay", "overlay", options)]

    def commit(self, name: str, key: str, size: int | None = None) -> None:
        snapshot = self._shelf.require(key, Kind.ACTIVE)
        if size is None:
            size = size_of(self._fs(snapshot))
        self._shelf.commit(name, key, size)

    def adopt(self, name: str, parent: str | None, folder: Path, size: int) -> None:
        self._shelf.adopt(name, parent, folder, size)

    def has(self, key: str) -> bool:
        return self._shelf.is_whole(key)

    def remove(self, key: str) -> None:
        self._shelf.remove(key)

    def stat(self, key: str) -> Snapshot:
        return self._shelf.records.get(key)

    def usage(self, key: str) -> int:
        snapshot = self._shelf.records.get(key)
        return size_of(self._fs(snapshot)) if snapshot.size is None else snapshot.size

    def walk(self) -> Iterator[Snapshot]:
        return self._shelf.walk()

    def upper(self, key: str) -> Path:
        return self._fs(self._shelf.require(key, Kind.ACTIVE, Kind.COMMITTED))

    def lowers(self, key: str) -> list[Path]:
        return [self._fs(ancestor) for ancestor in self._shelf.records.with_ancestors(key)[1:]]

    def sweep(self) -> None:
        self._shelf.sweep()

    def close(self) -> None:
        self._shelf.close()

    def _add(self, key: str, kind: Kind, parent: str | None) -> None:
        def fill(folder: Path) -> None:
            self._make_root(folder / "fs", parent)
            if kind is Kind.ACTIVE:
                self._make_folder(folder / "work", _ROOT_MODE)

        self._shelf.add(key, kind, parent, fill)

    def _make_root(self, path: Path, parent: str | None) -> None:
        """Make the root directory, whose owner and mode the merged root will have."""
        self._make_folder(path, _ROOT_MODE)
        if parent is not None:
            below = self._fs(self._shelf.records.get(parent)).stat()
            os.chown(path, below.st_uid, below.st_gid)
            path.chmod(below.st_mode & 0o7777)

    def _make_folder(self, path: Path, mode: int) -> None:
        path.mkdir()
        os.chown(path, self._owner, self._owner)
        path.chmod(mode)

    def _view_mount(self, own: Snapshot, layers: list[str]) -> Mount:
        if not layers:
            return _bind(self._fs(own), "ro")
        if len(layers) == 1:
            # overlay wants two layers at least
            return _bind(self.base / layers[0], "ro")
        options = ("ro", "lowerdir=" + ":".join(layers), "userxattr")
        return Mount("", "overlay", "overlay", options)

    def _allow_remount(self, snapshot: Snapshot) -> None:
        """Remove the mark by which a volatile overlay refuses to be mounted twice.

        It guards against a crash of the whole machine; containers' ends are no such thing.
        """
        try:
            with trees.opened(self._shelf.folder(snapshot) / "work" / "work") as work:
                trees.remove(work, b"incompat")
        except FileNotFoundError:
            pass  # never mounted

    def _fs(self, snapshot: Snapshot) -> Path:
        return self._shelf.changes(snapshot)


def _bind(source: Path, access: str) -> Mount:
    return Mount("", "bind", str(source), ("rbind", access))
