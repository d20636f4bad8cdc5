"""Giving images names, and remembering when."""

from __future__ import annotations

import time

from lab.database import Database
from lab.engine.image_events import log_image, name_members
from lab.image.store import Image, ImageStore
from lab.journal import Journal
from lab.oci.reference import Reference

_SCHEMA = """
CREATE TABLE IF NOT EXISTS image_tag_times (
    image TEXT PRIMARY KEY,
    at_ns INTEGER NOT NULL
);
"""


class ImageNames:
    """What people name here; the names that a pull brings are not counted, as in Docker."""

    def __init__(self, store: ImageStore, journal: Journal, database: Database) -> None:
        self._store = store
        self._journal = journal
        self._database = database
        database.define(_SCHEMA)

    def tag(self, image: Image, ref: Reference) -> None:
        """Give an image another name, `latest` if it has no tag; its former bearer loses it.

        Raises InvalidParameter for names that Docker refuses.
        """
        ref = ref.tagged()
        members = self._digest(image) | name_members(ref) | {"image": str(image.id)}
        labels = image.config.config.labels
        with self._journal.together():
            self._store.tag(ref, image.id)
            self._database.execute(
                "INSERT INTO image_tag_times (image, at_ns) VALUES (?, ?)"
                " ON CONFLICT (image) DO UPDATE SET at_ns = excluded.at_ns",
                (str(image.id), time.time_ns()),
            )
            log_image(self._journal, "tag", str(image.id), ref.familiar(), labels, **members)

    def _digest(self, image: Image) -> dict[str, str]:
        """Return the digest under which a registry has the image, if any is known to."""
        known = [str(name.digest) for name in self._store.digests_of(image.id) if name.digest]
        return {"digest": known[0]} if known else {}

    def last_tagged(self, image: Image) -> float | None:
        """Return when an image was last given a name here, in seconds since the epoch."""
        rows = self._database.query(
            "SELECT at_ns FROM image_tag_times WHERE image = ?", (str(image.id),)
        )
        return rows[0]["at_ns"] / 1e9 if rows else None
