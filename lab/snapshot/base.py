"""What a snapshotter is: read this to know how layers become root file systems.

A **snapshot** is a state of a file system.  It has a key, which its maker chooses, and at most
one parent: what it shows is the parent's state with its own changes upon it.  There are three
kinds of them:

    active       may be written: a layer being unpacked, or what a container changes
    view         may only be looked at
    committed    will never change; the only kind that can be a parent

The life of an image's layers, each unpacked upon the one below it (the names are chain ids):

    prepare("unpack-1", None)      apply_layer(..., upper("unpack-1"))    commit(chain1, "unpack-1")
    prepare("unpack-2", chain1)    apply_layer(..., upper("unpack-2"))    commit(chain2, "unpack-2")

The life of a container's file system:

    prepare(container, chain2)     what it starts from
    mounts(container)              at every start: what to mount as its root
    upper(container)               what it has changed so far (`docker diff`, `docker commit`)
    remove(container)

Where layers are unpacked already, on a disk that is only read, they are taken as they are:

    adopt(chain1, None, folder1, size)      adopt(chain2, chain1, folder2, size)

Such a folder may be missing one day, when the disk is another one: then `has` says no, and the
same name can be adopted, or committed, once more.

A snapshotter mounts nothing.  It hands out mounts as records: whoever has a mount namespace
performs them.  `base` is the directory in which that must happen (chdir first), since the options
of an overlay with many layers only fit into the one page that mount(2) takes when the paths in
them are short and relative.

What may fail, everywhere: NotFound for a key that does not exist, Conflict for one that exists
already.  A snapshotter may be used by several threads; different keys do not wait for each other
longer than a record takes to write.  Contents are not flushed to the disk: after a power cut
`image.validate` tells what must be unpacked again from its blob.  Source: containerd's snapshots.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from lab.oci.runtime_spec import Mount


class Kind(StrEnum):
    """What may be done with a snapshot."""

    ACTIVE = "active"
    VIEW = "view"
    COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot's record.

    `number` names its folder; `size` is the bytes of its own changes, known once it is
    committed; `created_ns` is nanoseconds since the epoch.
    """

    key: str
    kind: Kind
    parent: str | None
    number: int
    size: int | None
    created_ns: int


class Snapshotter(Protocol):
    """Makes, mounts, commits and removes snapshots; the module tells how they are used."""

    @property
    def base(self) -> Path:
        """The directory to be in (chdir) when the mounts are performed."""
        ...

    def prepare(self, key: str, parent: str | None) -> list[Mount]:
        """Make an active snapshot; return what `mounts`, called before mounting, will return.

        Raises InvalidParameter if `parent` is not committed, NotFound if `has` denies it.
        """
        ...

    def view(self, key: str, parent: str | None) -> list[Mount]:
        """Make a snapshot of what `parent` shows, to be looked at only; return its mounts.

        Raises InvalidParameter if `parent` is not committed, NotFound if `has` denies it.
        """
        ...

    def mounts(self, key: str) -> list[Mount]:
        """Return what to mount, in this order, to see an active snapshot or a view.

        The destinations are empty: the place is the caller's choice.  Call it before every
        mounting, not once: it also makes the snapshot ready.  Raises Conflict if it is committed,
        NotFound if an adopted folder below it is missing.
        """
        ...

    def commit(self, name: str, key: str, size: int | None = None) -> None:
        """Freeze the active snapshot `key`, which must not be mounted, under a new name.

        The key is free afterwards.  `size` is what `usage` says of it, where the caller knows that.
        Raises Conflict if it is not active, or `name` is taken.
        """
        ...

    def adopt(self, name: str, parent: str | None, folder: Path, size: int) -> None:
        """Make a committed snapshot of an unpacked layer that lies elsewhere; nothing is copied.

        `folder` holds the layer's changes in overlay's form, with the owners that the sandbox has
        for the container's ids, and does not change as long as the snapshot exists; `size` is the
        bytes of its files.  Removing the snapshot leaves the folder as it is.  Raises Conflict if
        the name is taken, InvalidParameter if `parent` is not committed.
        """
        ...

    def has(self, key: str) -> bool:
        """Return whether a snapshot exists, and with all below it still has its files.

        Only adopted folders can be missing.  Whoever names such a snapshot again, in `commit` or
        `adopt`, replaces it, and what stands on it is whole again.
        """
        ...

    def remove(self, key: str) -> None:
        """Remove a snapshot, which must not be mounted.

        It is gone at once; its files are deleted later, in a thread of the snapshotter's or by
        `sweep`.  Raises Conflict if it is another one's parent.
        """
        ...

    def stat(self, key: str) -> Snapshot:
        """Return the snapshot's record."""
        ...

    def usage(self, key: str) -> int:
        """Return the bytes of the snapshot's own changes: its files, hard links counted once."""
        ...

    def walk(self) -> Iterator[Snapshot]:
        """Yield the records of all snapshots, oldest first."""
        ...

    def upper(self, key: str) -> Path:
        """Return the directory that holds the snapshot's own changes, in overlay's form.

        A layer is unpacked there before the snapshot is mounted for the first time; afterwards it
        is read only.  Deletions are devices 0:0, opaque directories have `user.overlay.opaque`.
        Call it anew for what happened since.  Raises Conflict for a view.
        """
        ...

    def lowers(self, key: str) -> list[Path]:
        """Return the directories below the snapshot, in overlay's form, the topmost first."""
        ...

    def sweep(self) -> None:
        """Delete everything that was removed; returns when that is done."""
        ...

    def close(self) -> None:
        """Wait for the snapshotter's thread; what it has not deleted, the next start does."""
        ...
