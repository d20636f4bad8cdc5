"""Volumes: folders that outlive containers.  Docker's `local` driver, and its store.

Each has a folder ROOT/NAME; see lab.engine.volume_content for what is in it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.database import Database
from lab.engine import volume_content, volume_options
from lab.engine.host_folders import HostFolders
from lab.engine.logged import logged
from lab.engine.mount_points import VOLUME, MountPoint
from lab.engine.state import now
from lab.engine.turns import ThreadTurns
from lab.errors import Conflict, LabError, NotFound
from lab.ids import new_id
from lab.journal import Journal
from lab.kernel import syscalls
from lab.kernel.flags import MNT
from lab.kernel.idmap import IdMap
from lab.runtime.rootfs import split_options
from lab.snapshot.trash import Trash

if TYPE_CHECKING:
    from lab.engine.containers import Container

DRIVER = "local"
ANONYMOUS = "com.docker.volume.anonymous"
"""The label of volumes that nobody gave a name."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS volumes (
    name TEXT PRIMARY KEY,
    created TEXT NOT NULL,
    labels TEXT NOT NULL,
    options TEXT NOT NULL
);
"""

Users = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume's record; `labels` and `options` are None where the client gave none."""

    name: str
    created: str
    labels: Mapping[str, str] | None
    options: Mapping[str, str] | None

    @property
    def is_plain(self) -> bool:
        """Whether its data lie in its own folder."""
        return not self.options


class Volumes:
    """All volumes.  Belongs to the event loop's thread, but for what says otherwise."""

    def __init__(
        self,
        root: Path,
        database: Database,
        journal: Journal,
        ids: IdMap,
        users: Users,
        folders: HostFolders,
    ) -> None:
        """`users` returns the ids of the containers that have a volume; `folders` knows what of the
        host may be shown."""
        self._root = root
        self._database = database
        self._journal = journal
        self._ids = ids
        self._users = users
        self._folders = folders
        self._holders: dict[str, set[str]] = {}
        self.turns = ThreadTurns()
        root.mkdir(mode=0o711, exist_ok=True)
        self._trash = Trash(root.with_name(f"{root.name}-removed"))
        database.define(_SCHEMA)
        rows = database.query("SELECT * FROM volumes ORDER BY name")
        self._by_name = {row["name"]: _volume(row) for row in rows}
        self._sweep()

    # --- looked up

    def get(self, name: str) -> Volume:
        """Return a volume; NotFound."""
        found = self._by_name.get(name)
        if found is None:
            raise NotFound(f"get {name}: no such volume")
        return found

    def all(self) -> list[Volume]:
        """Return all volumes, by name."""
        return sorted(self._by_name.values(), key=lambda volume: volume.name)

    def users(self, name: str) -> Sequence[str]:
        """Return the ids of the containers that have this volume."""
        return self._users(name)

    def path(self, name: str) -> Path:
        """Return the folder that is shown to containers; usable from any thread."""
        return self._root / name / volume_content.DATA

    def give(self, name: str, source: Path) -> None:
        """Copy all of a directory into an empty volume; blocks, for a thread that has its turn."""
        volume_content.give(self._root / name, source, self._fresh)

    def mount_failure(self, name: str) -> str:
        """Return why a volume cannot be mounted, in Docker's words; empty if it can."""
        options = self.get(name).options or {}
        if not volume_options.is_bind(options):
            return ""
        reason = self._folders.why_missing(options["device"])
        return reason and volume_options.mount_failure(options, self.path(name), reason)

    # --- made and removed

    def create(
        self,
        name: str = "",
        driver: str = "",
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Volume:
        """Make a volume, or return the one that has this name; without a name it is anonymous.

        Raises InvalidParameter for wrong names and options, NotFound for other drivers,
        Unsupported for what the driver cannot mount here.
        """
        if not name:
            name, labels = new_id(), {**(labels or {}), ANONYMOUS: ""}
        if driver not in ("", DRIVER):
            raise NotFound(
                f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" '
                "not found"
            )
        present = self._by_name.get(name)
        if present is not None:
            return present
        volume_options.check_name(name)
        volume_options.check_options(name, options or {})
        if volume_options.is_bind(options or {}):
            self._folders.check((options or {})["device"])
        self._database.require_room()
        volume = Volume(name, now()[:19] + "Z", labels, options)
        self._make_folder(name)
        with self._journal.together():
            self._database.execute(
                "INSERT INTO volumes (name, created, labels, options) VALUES (?, ?, ?, ?)",
                (name, volume.created, json.dumps(labels), json.dumps(options)),
            )
            self._log(name, "create")
        self._by_name[name] = volume
        return volume

    def remove(self, name: str) -> None:
        """Remove a volume with its data; NotFound, or Conflict while a container has it."""
        self.get(name)
        users = self._users(name)
        if users:
            raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
        with self._journal.together():
            self._database.execute("DELETE FROM volumes WHERE name = ?", (name,))
            self._log(name, "destroy")
        # from here on it is gone: what cannot be done now, the next start does
        del self._by_name[name]
        with logged("what was in a volume"):
            self._trash.discard(self._root / name)

    def forget_unsaved(self) -> None:
        """Drop volumes whose records did not come to be, because a transaction was given up."""
        saved = {row["name"] for row in self._database.query("SELECT name FROM volumes")}
        for name in self._by_name.keys() - saved:
            del self._by_name[name]
            self._trash.discard(self._root / name)

    def log_prune(self, reclaimed: int) -> None:
        """Journal that unused volumes were removed, and how many bytes they had."""
        self._journal.append("volume", "prune", "", {"reclaimed": str(reclaimed)})

    # --- used by containers

    def hold(self, container: Container) -> None:
        """Make a container's volumes ready for a run, and journal that they are mounted.

        Raises SyscallError if the kernel refuses to mount one, LabError if what it stands for is
        not there.
        """
        for point in _volumes_of(container):
            self.get(point.name)
            holders = self._holders.setdefault(point.name, set())
            if not holders:
                self._mount(self.get(point.name))
            holders.add(_holder(container, point))
            self._log(
                point.name,
                "mount",
                container=container.id,
                destination=point.destination,
                propagation=point.propagation,
                **{"read/write": str(point.rw).lower()},
            )

    def release(self, container: Container) -> None:
        """Take note that a container's run is over; one that did not run is no error."""
        for point in _volumes_of(container):
            holders = self._holders.get(point.name, set())
            if _holder(container, point) not in holders:
                continue
            holders.remove(_holder(container, point))
            self._log(point.name, "unmount", container=container.id)
            if not holders:
                del self._holders[point.name]
                self._unmount(self.get(point.name))

    def close(self) -> None:
        """Wait until what was removed is deleted."""
        self._trash.close()

    # --- helpers

    def _mount(self, volume: Volume) -> None:
        path = self.path(volume.name)
        if failure := self.mount_failure(volume.name):
            raise LabError(f"error while mounting volume '{path}': {failure}")
        if not volume_options.is_tmpfs(volume.options or {}):
            return
        words = volume_options.tmpfs_words(volume.options or {}, self._ids.to_sandbox)
        flags, data = split_options(words)
        syscalls.mount("tmpfs", str(path), "tmpfs", flags, data)

    def _unmount(self, volume: Volume) -> None:
        if volume_options.is_tmpfs(volume.options or {}):
            with logged("a volume in memory"):
                syscalls.umount2(str(self.path(volume.name)), MNT.DETACH)

    def _make_folder(self, name: str) -> None:
        folder = self._root / name
        if folder.exists():
            self._trash.discard(folder)  # its record did not come to be
        self._fresh(folder / volume_content.DATA)

    def _fresh(self, folder: Path) -> None:
        """Make an empty folder, and that above it, as a volume begins; usable from any thread."""
        folder.parent.mkdir(mode=0o711, exist_ok=True)
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
        os.chown(folder, self._ids.to_sandbox(0), self._ids.to_sandbox(0))

    def _sweep(self) -> None:
        """Remove what a crash left of volumes that were being made or removed; finish the rest."""
        for folder in self._root.iterdir():
            if folder.name not in self._by_name:
                self._trash.discard(folder)
                continue
            if (folder / volume_content.FILLING).exists():
                self._trash.discard(folder / volume_content.FILLING)
            volume_content.finish(folder)
        self._trash.wake()

    def _log(self, name: str, action: str, **attributes: str) -> None:
        self._journal.append("volume", action, name, {"driver": DRIVER, **attributes})


def _volumes_of(container: Container) -> Iterator[MountPoint]:
    return (point for point in container.record.mounts if point.type == VOLUME)


def _holder(container: Container, point: MountPoint) -> str:
    return f"{container.id}:{point.destination}"


def _volume(row: sqlite3.Row) -> Volume:
    return Volume(
        row["name"], row["created"], json.loads(row["labels"]), json.loads(row["options"])
    )
