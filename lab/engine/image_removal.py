"""When an image may be removed, and what goes with it: `docker rmi` and `docker image prune`.

Source: Docker Engine API, ImageDelete; the rules, their order and the wording are those of
Docker's classic image store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from lab.engine.image_events import log_image, name_members
from lab.engine.layers import Layers, chain_ids
from lab.engine.state import Status
from lab.errors import Conflict, NotFound
from lab.ids import short_id
from lab.image.store import Image, ImageStore
from lab.journal import Journal
from lab.oci.digest import Digest
from lab.oci.reference import Reference


class User(Protocol):
    """A container that was made from an image."""

    @property
    def id(self) -> str: ...
    @property
    def status(self) -> Status: ...


Using = Callable[[str], Sequence[User]]
"""Returns the containers that were made from the image with this id."""


@dataclass(frozen=True, slots=True)
class Removed:
    """One line of what `docker rmi` tells: a name that is gone, or the digest of an image or layer."""

    untagged: str = ""
    deleted: str = ""


class _InUse(Conflict):
    """An image cannot be deleted, because a container was made from it."""


class Remover:
    """Removes names and images.  Called in the thread that the containers belong to."""

    def __init__(self, store: ImageStore, layers: Layers, journal: Journal, using: Using) -> None:
        self._store = store
        self._layers = layers
        self._journal = journal
        self._using = using

    def remove(self, name: str, force: bool = False, prune: bool = True) -> list[Removed]:
        """Remove a name, and with its last one the image; or an image by its id.

        With `prune`, parents without a name go too.  Raises NotFound, and Conflict in Docker's
        words: for what `force` would not help, `cannot be forced`.
        """
        image = self._store.resolve(name)
        records: list[Removed] = []
        if _is_id(name, image.id):
            self._remove_single_name(image, force, records)
            self._delete(image, records, force, prune, quiet=False)
        else:
            left = self._untag(image, name, force, records)
            if not left:
                self._delete(image, records, force, prune, quiet=True)
        return records

    def names(self, image: Image) -> list[Reference]:
        """Return all names of an image, by tag and by digest, sorted."""
        found = [*self._store.tags_of(image.id), *self._store.digests_of(image.id)]
        return sorted(found, key=str)

    def _untag(
        self, image: Image, name: str, force: bool, records: list[Removed]
    ) -> list[Reference]:
        """Remove one name, and digests that only it stood for; return the names that are left."""
        users = self._using(str(image.id))
        if not force and users and is_single(self.names(image)):
            raise Conflict(
                f'conflict: unable to remove repository reference "{name}" (must force) - '
                f"container {short_id(users[0].id)} is using its referenced image "
                f"{short_id(str(image.id))}"
            )
        ref = Reference.parse(name).tagged()
        self._forget(image, ref, records)
        left = self.names(image)
        if ref.digest is None and not any(_is_tag_in(other, ref) for other in left):
            for other in [other for other in left if other.name == ref.name]:
                # these say nothing that the tag did not say
                self._store.untag(other)
                records.append(Removed(untagged=other.familiar()))
                left.remove(other)
        return left

    def _remove_single_name(self, image: Image, force: bool, records: list[Removed]) -> None:
        """Take an image's only name away, where that and the deletion are possible."""
        names = self.names(image)
        if is_single(names):
            self._check(image, force, with_names=False)
            for ref in names:
                self._forget(image, ref, records)

    def _delete(
        self, image: Image, records: list[Removed], force: bool, prune: bool, quiet: bool
    ) -> None:
        """Delete an image, then its parents as far as they are of no use.

        `quiet` hides that it cannot be done, unless it is about an image that nothing needs.
        """
        try:
            self._check(image, force, with_names=True)
        except Conflict as conflict:
            if quiet and (not self._is_dangling(image) or isinstance(conflict, _InUse)):
                return
            raise
        with self._journal.together():
            for ref in self.names(image):
                self._forget(image, ref, records)
            self._store.delete(image.id)
            log_image(self._journal, "delete", str(image.id), str(image.id), {})
        records.append(Removed(deleted=str(image.id)))
        own = set(chain_ids(image.config.diff_ids))
        gone = [chain for chain in self._layers.collect() if chain in own]
        records.extend(Removed(deleted=str(chain)) for chain in gone)
        if prune and image.parent is not None:
            # it may have been removed while a build was making this one of it
            with suppress(NotFound):
                self._delete(self._store.get(image.parent), records, False, True, quiet=True)

    def _check(self, image: Image, force: bool, with_names: bool) -> None:
        """Raise Conflict if an image must stay; `with_names` counts names as a reason."""
        users = self._using(str(image.id))
        running = [user for user in users if user.status in (Status.RUNNING, Status.PAUSED)]
        if self._store.children(image.id):
            raise Conflict(_conflict(image.id, True, "image has dependent child images"))
        if running:
            what = f"image is being used by running container {short_id(running[0].id)}"
            raise _InUse(_conflict(image.id, True, what))
        if force:
            return
        if with_names and self.names(image):
            what = "image is referenced in multiple repositories"
            raise Conflict(_conflict(image.id, False, what))
        if users:
            what = f"image is being used by stopped container {short_id(users[0].id)}"
            raise _InUse(_conflict(image.id, False, what))

    def _forget(self, image: Image, ref: Reference, records: list[Removed]) -> None:
        image_id = str(image.id)
        labels = image.config.config.labels
        with self._journal.together():
            self._store.untag(ref)
            log_image(self._journal, "untag", image_id, image_id, labels, **name_members(ref))
        records.append(Removed(untagged=ref.familiar()))

    def _is_dangling(self, image: Image) -> bool:
        return not self.names(image) and not self._store.children(image.id)


def is_single(names: Sequence[Reference]) -> bool:
    """Return whether all names are of one repository, with one tag at most; False for no names."""
    if len(names) <= 1:
        return len(names) == 1
    tags = [name for name in names if name.digest is None]
    by_digest = {name.name for name in names if name.digest is not None}
    if len(tags) > 1:
        return False
    return by_digest == {(tags or names)[0].name}


def _is_tag_in(name: Reference, ref: Reference) -> bool:
    return name.digest is None and name.name == ref.name


def _is_id(text: str, image_id: Digest) -> bool:
    """Return whether the user named the image by its id, or the beginning of it."""
    return str(image_id).startswith(text) or image_id.hex.startswith(text)


def _conflict(image_id: Digest, hard: bool, what: str) -> str:
    how = "cannot be forced" if hard else "must be forced"
    return f"conflict: unable to delete {short_id(str(image_id))} ({how}) - {what}"
