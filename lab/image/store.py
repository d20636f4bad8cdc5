"""The images that the engine has, and the names by which people know them.

An image's id is the digest of its configuration.  Names are of two kinds: a tag, which moves from
image to image, and `name@digest`, which says under which manifest a registry has the image.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from sqlite3 import Row

from lab.database import Database
from lab.errors import InvalidParameter, NotFound
from lab.image.blobs import BlobStore
from lab.oci.descriptor import Descriptor
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig
from lab.oci.reference import Reference

_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
    id TEXT PRIMARY KEY,
    config BLOB NOT NULL,
    layers TEXT NOT NULL,
    size INTEGER NOT NULL,
    parent TEXT,
    added_ns INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS image_tags (
    name TEXT NOT NULL,
    tag TEXT NOT NULL,
    image TEXT NOT NULL REFERENCES images (id),
    PRIMARY KEY (name, tag)
);
CREATE TABLE IF NOT EXISTS image_digests (
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    image TEXT NOT NULL REFERENCES images (id),
    PRIMARY KEY (name, digest)
);
"""
_FULL_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_ID_PREFIX = re.compile(r"(?:sha256:)?([0-9a-f]{1,63})")


@dataclass(frozen=True, slots=True)
class Image:
    """An image that the engine has.

    `layers` are the compressed blobs, base first, as many as the configuration has diff ids;
    `size` is the bytes of the unpacked layers; `parent` is the image of the build step before;
    `added_ns` is when the engine got it, in nanoseconds since the epoch.
    """

    id: Digest
    config: ImageConfig
    layers: tuple[Descriptor, ...]
    size: int
    parent: Digest | None
    added_ns: int


class ImageStore:
    """Records of images and names, for several threads; blobs themselves are in `blobs`."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs
        self._known: dict[str, Image] = {}
        self._lock = threading.Lock()
        database.define(_SCHEMA)

    def add(
        self,
        config_bytes: bytes,
        layers: Sequence[Descriptor],
        size: int,
        parent: Digest | None = None,
    ) -> Image:
        """Store an image and its configuration's blob; the one that is there stays as it is.

        A `parent` that is gone by now is none.  InvalidParameter if the parts do not fit together.
        """
        config = ImageConfig.from_bytes(config_bytes)
        problem = mismatch(config, len(layers))
        if problem:
            raise InvalidParameter(problem)
        with self._blobs.lease():
            image_id = self._blobs.put(config_bytes)
            self._database.execute(
                "INSERT INTO images (id, config, layers, size, parent, added_ns)"
                " VALUES (?, ?, ?, ?, (SELECT id FROM images WHERE id = ?), ?) ON CONFLICT DO NOTHING",
                (
                    str(image_id),
                    config_bytes,
                    json.dumps([layer.to_json() for layer in layers]),
                    size,
                    None if parent is None else str(parent),
                    time.time_ns(),
                ),
            )
        return self.get(image_id)

    def get(self, image_id: Digest) -> Image:
        """Return an image by its id; NotFound."""
        rows = self._database.query("SELECT * FROM images WHERE id = ?", (str(image_id),))
        if not rows:
            raise NotFound(f"No such image: {image_id}")
        return self._image(rows[0])

    def all(self) -> list[Image]:
        """Return all images, the latest first."""
        rows = self._database.query("SELECT * FROM images ORDER BY added_ns DESC, id")
        return [self._image(row) for row in rows]

    def tag(self, ref: Reference, image_id: Digest) -> Digest | None:
        """Let a name (with the tag `latest` if it has none) mean this image.

        Return the image that it meant before, if any.  Raises NotFound for an unknown image,
        InvalidParameter for names that Docker refuses.
        """
        if ref.digest is not None:
            raise InvalidParameter("refusing to create a tag with a digest reference")
        if ref.familiar_name == "sha256":
            raise InvalidParameter(
                "refusing to create an ambiguous tag using digest algorithm as name"
            )
        name, tag = ref.name, ref.tagged().tag
        with self._database.transaction():
            self.get(image_id)
            before = self._tagged(name, tag)
            self._database.execute(
                "INSERT INTO image_tags (name, tag, image) VALUES (?, ?, ?)"
                " ON CONFLICT (name, tag) DO UPDATE SET image = excluded.image",
                (name, tag, str(image_id)),
            )
        return before

    def untag(self, ref: Reference) -> Digest:
        """Forget a name, `name[:tag]` or `name@digest`; return the image that it meant.

        The image stays.  Raises NotFound.
        """
        with self._database.transaction():
            image_id = self._named(ref)
            if image_id is None:
                raise _no_such_image(ref)
            if ref.digest is not None:
                self._database.execute(
                    "DELETE FROM image_digests WHERE name = ? AND digest = ?",
                    (ref.name, str(ref.digest)),
                )
            else:
                self._database.execute(
                    "DELETE FROM image_tags WHERE name = ? AND tag = ?",
                    (ref.name, ref.tagged().tag),
                )
        return image_id

    def set_digest(self, ref: Reference, manifest_digest: Digest, image_id: Digest) -> None:
        """Remember that a repository has this image under a manifest's digest.

        `ref` gives the repository; its tag does not matter.  The manifest's bytes, if they are
        among the blobs, are kept as long as this name is.  Raises NotFound for an unknown image.
        """
        with self._database.transaction():
            self.get(image_id)
            self._database.execute(
                "INSERT INTO image_digests (name, digest, image) VALUES (?, ?, ?)"
                " ON CONFLICT (name, digest) DO UPDATE SET image = excluded.image",
                (ref.name, str(manifest_digest), str(image_id)),
            )

    def tags_of(self, image_id: Digest) -> list[Reference]:
        """Return the tagged names of an image, sorted."""
        rows = self._database.query(
            "SELECT name, tag FROM image_tags WHERE image = ? ORDER BY name, tag",
            (str(image_id),),
        )
        return [Reference.parse(f"{row['name']}:{row['tag']}") for row in rows]

    def digests_of(self, image_id: Digest) -> list[Reference]:
        """Return the names of an image by digest, sorted."""
        rows = self._database.query(
            "SELECT name, digest FROM image_digests WHERE image = ? ORDER BY name, digest",
            (str(image_id),),
        )
        return [Reference.parse(f"{row['name']}@{row['digest']}") for row in rows]

    def manifests(self) -> list[Digest]:
        """Return the digests of all manifests that some name mentions."""
        rows = self._database.query("SELECT DISTINCT digest FROM image_digests")
        return [Digest.parse(row["digest"]) for row in rows]

    def resolve(self, text: str) -> Image:
        """Return the image that `text` means, in Docker's order.

        A whole id, with or without `sha256:`; a name with tag (`latest` if none) or digest, the
        digest taking precedence; the beginning of an id that only one image has.  Raises
        NotFound, and InvalidParameter if `text` cannot be any of them.
        """
        if _FULL_ID.fullmatch(text):
            return self.get(Digest.parse("sha256:" + text.removeprefix("sha256:")))
        ref = Reference.parse(text)
        with self._database.transaction():
            image_id = self._named(ref) or self._by_prefix(text)
            if image_id is None:
                raise _no_such_image(ref)
            return self.get(image_id)

    def children(self, image_id: Digest) -> list[Digest]:
        """Return the images whose parent this one is."""
        rows = self._database.query(
            "SELECT id FROM images WHERE parent = ? ORDER BY id", (str(image_id),)
        )
        return [Digest.parse(row["id"]) for row in rows]

    def delete(self, image_id: Digest) -> None:
        """Forget an image and all its names; blobs and snapshots stay.

        Its children, if any, have no parent afterwards.  Raises NotFound.
        """
        text = str(image_id)
        with self._database.transaction():
            self.get(image_id)
            self._database.execute("DELETE FROM image_tags WHERE image = ?", (text,))
            self._database.execute("DELETE FROM image_digests WHERE image = ?", (text,))
            self._database.execute("UPDATE images SET parent = NULL WHERE parent = ?", (text,))
            self._database.execute("DELETE FROM images WHERE id = ?", (text,))
        with self._lock:
            self._known.pop(text, None)

    def _named(self, ref: Reference) -> Digest | None:
        if ref.digest is None:
            return self._tagged(ref.name, ref.tagged().tag)
        rows = self._database.query(
            "SELECT image FROM image_digests WHERE name = ? AND digest = ?",
            (ref.name, str(ref.digest)),
        )
        return Digest.parse(rows[0]["image"]) if rows else None

    def _tagged(self, name: str, tag: str) -> Digest | None:
        rows = self._database.query(
            "SELECT image FROM image_tags WHERE name = ? AND tag = ?", (name, tag)
        )
        return Digest.parse(rows[0]["image"]) if rows else None

    def _by_prefix(self, text: str) -> Digest | None:
        match = _ID_PREFIX.fullmatch(text)
        if match is None:
            return None
        rows = self._database.query(
            "SELECT id FROM images WHERE substr(id, 8, ?) = ? LIMIT 2",
            (len(match[1]), match[1]),
        )
        # if several begin so, Docker says "No such image" too
        return Digest.parse(rows[0]["id"]) if len(rows) == 1 else None

    def _image(self, row: Row) -> Image:
        """Return the record of a row; configurations never change, so each is parsed once."""
        with self._lock:
            known = self._known.get(row["id"])
        if known is not None and (known.added_ns, _text(known.parent)) == (
            row["added_ns"],
            row["parent"],
        ):
            return known
        image = Image(
            id=Digest.parse(row["id"]),
            config=ImageConfig.from_bytes(row["config"]),
            layers=tuple(map(Descriptor.from_json, json.loads(row["layers"]))),
            size=row["size"],
            parent=None if row["parent"] is None else Digest.parse(row["parent"]),
            added_ns=row["added_ns"],
        )
        with self._lock:
            self._known[row["id"]] = image
        return image


def mismatch(config: ImageConfig, layers: int) -> str:
    """Return why a configuration cannot describe that many layers; empty if it can."""
    if len(config.diff_ids) != layers:
        return f"the image's configuration has {len(config.diff_ids)} layers, its manifest {layers}"
    if sum(not entry.empty_layer for entry in config.history) > layers:
        return "too many non-empty layers in History section"
    return ""


def _text(digest: Digest | None) -> str | None:
    return None if digest is None else str(digest)


def _no_such_image(ref: Reference) -> NotFound:
    return NotFound(f"No such image: {ref.tagged().familiar()}")
