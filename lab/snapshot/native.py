"""Snapshots as plain copies, for places where overlay cannot be mounted: simple, and large.

BASE/NUMBER/upper   the snapshot's own changes, in overlay's form; of an adopted one, a link to them
BASE/NUMBER/fs      the whole file system; made when it is first needed
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.database import Database
from lab.kernel.idmap import IdMap
from lab.oci.runtime_spec import Mount
from lab.snapshot.base import Kind, Snapshot
from lab.snapshot.copies import copy_tree, find_changes, lay_over
from lab.snapshot.shelf import Shelf, size_of

_ROOT_MODE = 0o755


class NativeSnapshotter:
    """Copies the parent's file system for every snapshot that is mounted or committed."""

    def __init__(self, root: Path, database: Database, ids: IdMap) -> None:
        self._shelf = Shelf(root, database, "native", "upper")
        self._owner = ids.to_sandbox(0)
        self._copying = threading.RLock()

    @property
    def base(self) -> Path:
        return self._shelf.base

    def prepare(self, key: str, parent: str | None) -> list[Mount]:
        self._shelf.add(key, Kind.ACTIVE, parent, lambda folder: self._fill(folder, parent))
        # the copy waits for `mounts`, since a layer may be unpacked first
        return [self._mount(self._shelf.records.get(key))]

    def view(self, key: str, parent: str | None) -> list[Mount]:
        self._shelf.add(key, Kind.VIEW, parent, lambda folder: self._fill(folder, parent))
        return self.mounts(key)

    def mounts(self, key: str) -> list[Mount]:
        snapshot = self._shelf.require(key, Kind.ACTIVE, Kind.VIEW)
        self._shelf.require_whole(self._shelf.records.with_ancestors(key)[1:])
        if snapshot.kind is Kind.ACTIVE:
            self._complete(snapshot)
        return [self._mount(snapshot)]

    def commit(self, name: str, key: str, size: int | None = None) -> None:
        snapshot = self._shelf.require(key, Kind.ACTIVE)
        changes = self.upper(key)
        self._complete(snapshot)
        self._shelf.commit(name, key, size_of(changes) if size is None else size)

    def adopt(self, name: str, parent: str | None, folder: Path, size: int) -> None:
        self._shelf.adopt(name, parent, folder, size)
        try:
            self._complete(self._shelf.records.get(name))
        except BaseException:
            self._shelf.remove(name)
            raise

    def has(self, key: str) -> bool:
        return self._shelf.is_whole(key)

    def remove(self, key: str) -> None:
        self._shelf.remove(key)

    def stat(self, key: str) -> Snapshot:
        return self._shelf.records.get(key)

    def usage(self, key: str) -> int:
        snapshot = self._shelf.records.get(key)
        if snapshot.kind is Kind.ACTIVE:
            return size_of(self.upper(key))
        return snapshot.size or 0

    def walk(self) -> Iterator[Snapshot]:
        return self._shelf.walk()

    def upper(self, key: str) -> Path:
        snapshot = self._shelf.require(key, Kind.ACTIVE, Kind.COMMITTED)
        folder = self._shelf.folder(snapshot)
        if snapshot.kind is Kind.ACTIVE and self._fs(snapshot).exists():
            self._replace(folder / "upper", lambda new: self._find_changes(snapshot, new))
        return folder / "upper"

    def lowers(self, key: str) -> list[Path]:
        below = self._below(self._shelf.records.get(key))
        return [] if below is None else [below]

    def sweep(self) -> None:
        self._shelf.sweep()

    def close(self) -> None:
        self._shelf.close()

    def _fill(self, folder: Path, parent: str | None) -> None:
        self._make_root(folder / "upper")
        if parent is not None:
            below = self._fs(self._shelf.records.get(parent)).stat()
            os.chown(folder / "upper", below.st_uid, below.st_gid)
            (folder / "upper").chmod(below.st_mode & 0o7777)

    def _make_root(self, path: Path) -> None:
        path.mkdir()
        os.chown(path, self._owner, self._owner)
        path.chmod(_ROOT_MODE)

    def _mount(self, snapshot: Snapshot) -> Mount:
        if snapshot.kind is Kind.ACTIVE:
            return Mount("", "bind", str(self._fs(snapshot)), ("rbind", "rw"))
        shown = self._below(snapshot) or self._shelf.folder(snapshot) / "upper"
        return Mount("", "bind", str(shown), ("rbind", "ro"))

    def _complete(self, snapshot: Snapshot) -> None:
        """Make the whole file system of a snapshot that has only its changes so far."""
        changes = self._shelf.folder(snapshot) / "upper"
        below = self._below(snapshot)

        def fill(new: Path) -> None:
            if below is not None:
                copy_tree(below, new)
            lay_over(changes, new)

        with self._copying:
            if not self._fs(snapshot).exists():
                self._replace(self._fs(snapshot), fill)

    def _find_changes(self, snapshot: Snapshot, changes: Path) -> None:
        find_changes(self._fs(snapshot), self._below(snapshot), changes)

    def _replace(self, path: Path, fill: Callable[[Path], None]) -> None:
        """Put a new directory, furnished by `fill`, in the place of `path`: whole or not at all."""
        new = path.with_name(path.name + ".new")
        with self._copying:
            self._shelf.discard(new)
            self._make_root(new)
            fill(new)
            self._shelf.discard(path)
            new.rename(path)

    def _below(self, snapshot: Snapshot) -> Path | None:
        if snapshot.parent is None:
            return None
        return self._fs(self._shelf.records.get(snapshot.parent))

    def _fs(self, snapshot: Snapshot) -> Path:
        return self._shelf.folder(snapshot) / "fs"
