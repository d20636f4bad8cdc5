"""The engine's images as its users see them: found, listed, named, told about, removed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from lab.database import Database
from lab.engine.image_events import log_image
from lab.engine.image_list import (
    Filters,
    ImageQuery,
    Listed,
    Lister,
    boolean,
    has_labels,
)
from lab.engine.image_names import ImageNames
from lab.engine.image_removal import Removed, Remover, Using
from lab.engine.imports import Importer
from lab.engine.layers import Layers
from lab.engine.moments import parse_limit, parse_moment
from lab.errors import Conflict, InvalidParameter, LabError, NotFound
from lab.image.blobs import BlobStore
from lab.image.store import Image, ImageStore
from lab.journal import Journal
from lab.oci.image_config import History
from lab.oci.reference import Reference


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of `docker history`, the latest first.

    `image` is the image of that step's build, empty where it is not here; `size` is the bytes
    that the step added.
    """

    image: str
    tags: tuple[Reference, ...]
    entry: History
    size: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a pruning removed, and the bytes of layers that it freed."""

    removed: tuple[Removed, ...]
    reclaimed: int


class Images:
    """All images.  `remove` and `prune` belong to the thread of the containers."""

    def __init__(
        self,
        store: ImageStore,
        layers: Layers,
        blobs: BlobStore,
        journal: Journal,
        using: Using,
        database: Database,
    ) -> None:
        """`using` returns the containers that were made from the image with a given id."""
        self._store = store
        self._layers = layers
        self._journal = journal
        self._using = using
        self._lister = Lister(store, layers)
        self._names = ImageNames(store, journal, database)
        self._importer = Importer(store, blobs, layers)
        self._remover = Remover(store, layers, journal, using)

    def get(self, name: str) -> Image:
        """Return the image that a name, an id or the beginning of one means; NotFound."""
        if not name.strip():
            raise InvalidParameter("image name cannot be blank")
        return self._store.resolve(name)

    def described(self, image: Image) -> Listed:
        """Return an image with all its names and the number of its containers."""
        tags = tuple(self._store.tags_of(image.id))
        digests = tuple(self._store.digests_of(image.id))
        return Listed(image, tags, digests, containers=len(self._using(str(image.id))))

    def select(self, query: ImageQuery) -> list[Listed]:
        """Return the images that a query wants, the latest made first.

        Raises InvalidParameter for malformed filters, NotFound for an image that one names.
        """
        return self._lister.select(query, time.time())

    def tag(self, image: Image, ref: Reference) -> None:
        """Give an image another name, `latest` if it has no tag; its former bearer loses it.

        Raises InvalidParameter for names that Docker refuses.
        """
        self._names.tag(image, ref)

    def last_tagged(self, image: Image) -> float | None:
        """Return when an image was last given a name here, in seconds since the epoch."""
        return self._names.last_tagged(image)

    def history(self, image: Image) -> list[HistoryRow]:
        """Return how an image came about, the latest step first."""
        sizes = iter(self._layers.sizes(image.config))
        entries = image.config.history
        added = [0 if entry.empty_layer else next(sizes, 0) for entry in entries]
        rows = []
        current: Image | None = image
        for entry, size in reversed(list(zip(entries, added, strict=True))):
            tags = tuple(self._store.tags_of(current.id)) if current else ()
            rows.append(HistoryRow(str(current.id) if current else "", tags, entry, size))
            current = self._parent(current)
        return rows

    def remove(self, name: str, force: bool = False, prune: bool = True) -> list[Removed]:
        """Remove a name and, with the last one, the image; see lab.engine.image_removal."""
        if not name.strip():
            raise InvalidParameter("image name cannot be blank")
        return self._remover.remove(name, force, prune)

    def prune(self, filters: Filters) -> Pruned:
        """Remove images without a tag, or with `dangling=false` all that no container uses.

        Raises InvalidParameter for malformed filters.
        """
        only_dangling = bool(boolean(filters, "dangling", True))
        limits = filters.get("until", ())
        if len(limits) > 1:
            raise InvalidParameter("more than one until filter specified")
        until = parse_limit(limits[0], time.time()) if limits else None
        before = {snapshot.key: snapshot.size or 0 for snapshot in self._layers.snapshots.walk()}
        removed: list[Removed] = []
        for image in self._store.all():
            if self._is_prunable(image, filters, until, only_dangling):
                removed += self._prune_one(image, only_dangling)
        reclaimed = sum(before.get(each.deleted, 0) for each in removed)
        self._journal.append("image", "prune", "", {"reclaimed": str(reclaimed)})
        return Pruned(tuple(removed), reclaimed)

    def import_image(
        self, stream: BinaryIO, message: str, changes: Sequence[str], ref: Reference | None
    ) -> Image:
        """Make an image of a root file system's archive, plain or compressed, maybe with a name.

        `changes` are Dockerfile instructions for its settings; `message` is the comment in its
        history.  Blocks while `stream` is read.  Raises BuildError for bad changes,
        InvalidParameter and UnsafePath for a bad archive; nothing is left then.
        """
        with self._layers.lease():
            image = self._importer.run(stream, message, changes)
        if ref is not None:
            self.tag(image, ref)
        labels = image.config.config.labels
        log_image(self._journal, "import", str(image.id), str(image.id), labels)
        return image

    def sweep(self) -> None:
        """Delete blobs that no image needs any more; blocks while it reads manifests.

        Called after a removal, in any thread.
        """
        self._layers.sweep()

    def _is_prunable(
        self, image: Image, filters: Filters, until: int | None, only_dangling: bool
    ) -> bool:
        is_parent = bool(self._store.children(image.id))
        if is_parent and (only_dangling or not self._remover.names(image)):
            return False
        created = parse_moment(image.config.created)
        if until is not None and (created is None or created > until):
            return False
        return has_labels(image, filters)

    def _prune_one(self, image: Image, only_dangling: bool) -> list[Removed]:
        tags = self._store.tags_of(image.id)
        names = self._remover.names(image)
        if tags and only_dangling:
            return []
        removed = []
        for name in [str(name) for name in names] or [image.id.hex]:
            try:
                removed += self._remover.remove(name)
            except (Conflict, NotFound):
                continue  # in use, or gone with the name before
        return removed

    def _parent(self, image: Image | None) -> Image | None:
        if image is None or image.parent is None:
            return None
        try:
            return self._store.get(image.parent)
        except LabError:
            return None


__all__ = ["Filters", "HistoryRow", "ImageQuery", "Images", "Listed", "Pruned", "Removed"]
