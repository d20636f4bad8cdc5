"""What was pushed to the Hub, on disk.

    <root>/
      blobs/, ingest/             content of all repositories, each once (lab.image.blobs)
      repositories/
        alice/web/                one folder per part of the name; `_` cannot begin a part
          _blobs/sha256/<hex>     empty: this repository holds the blob
          _manifests/sha256/<hex> media type; the manifest's bytes are in blobs/
          _referrers/sha256-<hex>/sha256-<hex>
                                  empty: the second manifest names the first as its subject
          _tags/<tag>             digest of the manifest that bears the tag

Every file is written beside and renamed, and what refers to something is written after it: a
crash leaves at most content that nothing refers to, which the next start removes.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from lab.errors import NotFound
from lab.image.blobs import BlobStore
from lab.oci.digest import Digest
from lab.oci.manifest import MAX_SIZE
from lab.registry.errors import Code, Refused
from lab.registry.names import Repository, Tag
from lab.registry.source import StoredManifest

_BLOBS, _MANIFESTS, _REFERRERS, _TAGS = "_blobs", "_manifests", "_referrers", "_tags"


class Storage:
    """The Source that can be written to.  Methods block; several threads may call them."""

    def __init__(self, root: Path, durable: bool = False) -> None:
        """`durable`: what was stored survives the end of the machine too (see lab.database)."""
        self._durable = durable
        self._repositories = root / "repositories"
        self._repositories.mkdir(parents=True, exist_ok=True)
        self._blobs = BlobStore(root)
        # held while links change, so that content is not removed just as it becomes wanted
        self._lock = threading.RLock()
        self._sweep()

    def repositories(self) -> list[Repository]:
        return sorted(name for name in self._folders() if self.exists(name))

    def exists(self, name: Repository) -> bool:
        return self._folder(name, _MANIFESTS).is_dir()

    def tags(self, name: Repository) -> list[Tag]:
        if not self.exists(name):
            raise Refused(Code.NAME_UNKNOWN, detail={"name": name})
        return sorted(Tag(entry.name) for entry in _files(self._folder(name, _TAGS)))

    def manifest(self, name: Repository, reference: Tag | Digest) -> StoredManifest:
        try:
            digest = self._tagged(name, reference)
            media_type = self._link(name, _MANIFESTS, digest).read_text()
            return StoredManifest(digest, media_type, self._blobs.read(digest, MAX_SIZE))
        except (FileNotFoundError, NotFound):
            raise Refused(
                Code.MANIFEST_UNKNOWN, detail={"name": name, "reference": str(reference)}
            ) from None

    def blob(self, name: Repository, digest: Digest) -> Path:
        path = self._blobs.path(digest)
        if self._link(name, _BLOBS, digest).is_file() and path.is_file():
            return path
        raise Refused(Code.BLOB_UNKNOWN, detail={"digest": str(digest)})

    def adopt_upload(self, name: Repository, digest: Digest, upload: Path) -> None:
        """Make the file `upload`, flushed and verified, a blob of the repository.

        The file is moved; it stays if the content is there already.
        """
        with self._lock:
            if not self._blobs.has(digest):
                place = self._blobs.path(digest)
                upload.replace(place)
                _flush_folder(place.parent)
            self._mark(self._link(name, _BLOBS, digest))

    def mount_blob(self, name: Repository, digest: Digest, content: Path) -> None:
        """Give the repository a blob that another one, or the catalog, has in the file `content`.

        The file is linked where possible.  Raises DigestMismatch if it has been damaged.
        """
        with self._lock:
            self._blobs.adopt(content, digest)
            self._mark(self._link(name, _BLOBS, digest))

    def delete_blob(self, name: Repository, digest: Digest) -> None:
        """Take the blob out of the repository.  Refused: BLOB_UNKNOWN."""
        with self._lock:
            try:
                self._link(name, _BLOBS, digest).unlink()
            except FileNotFoundError:
                raise Refused(Code.BLOB_UNKNOWN, detail={"digest": str(digest)}) from None
            self._drop_unlinked(digest)

    def put_manifest(
        self,
        name: Repository,
        tags: Iterable[Tag],
        manifest: StoredManifest,
        subject: Digest | None,
    ) -> None:
        """Store a checked manifest and let the tags, if any, point to it."""
        with self._lock:
            with self._blobs.ingest(manifest.digest, len(manifest.content)) as ingest:
                ingest.write(manifest.content)
                ingest.commit()
            self._write(self._link(name, _MANIFESTS, manifest.digest), manifest.media_type)
            if subject is not None:
                self._mark(self._referrer(name, subject, manifest.digest))
            for tag in tags:
                self._write(self._folder(name, _TAGS) / tag, str(manifest.digest))

    def delete_manifest(self, name: Repository, reference: Tag | Digest) -> None:
        """Remove the tag alone; or the manifest with all its tags.  Refused: MANIFEST_UNKNOWN."""
        with self._lock:
            found = self.manifest(name, reference)
            if not isinstance(reference, Digest):
                (self._folder(name, _TAGS) / reference).unlink()
                return
            for tag in self.tags(name):
                if self._tagged(name, tag) == reference:
                    (self._folder(name, _TAGS) / tag).unlink()
            for entry in self._folder(name, _REFERRERS).glob(f"*/{_flat(reference)}"):
                entry.unlink()
            self._link(name, _MANIFESTS, reference).unlink()
            self._drop_unlinked(found.digest)

    def referrers(self, name: Repository, subject: Digest) -> list[StoredManifest]:
        """Return the manifests that name `subject` as theirs, in the order of their digests."""
        folder = self._folder(name, _REFERRERS) / _flat(subject)
        digests = sorted(Digest.parse(entry.name.replace("-", ":")) for entry in _files(folder))
        return [self.manifest(name, digest) for digest in digests]

    def _folder(self, name: Repository, kind: str) -> Path:
        return self._repositories / name / kind

    def _link(self, name: Repository, kind: str, digest: Digest) -> Path:
        return self._folder(name, kind) / digest.algorithm / digest.hex

    def _referrer(self, name: Repository, subject: Digest, digest: Digest) -> Path:
        return self._folder(name, _REFERRERS) / _flat(subject) / _flat(digest)

    def _tagged(self, name: Repository, reference: Tag | Digest) -> Digest:
        if isinstance(reference, Digest):
            return reference
        return Digest.parse((self._folder(name, _TAGS) / reference).read_text())

    def _folders(self) -> Iterator[Repository]:
        for folder, below, _ in os.walk(self._repositories):
            below[:] = [part for part in below if not part.startswith("_")]
            yield Repository(os.path.relpath(folder, self._repositories))

    def _is_linked(self, digest: Digest) -> bool:
        return any(
            self._link(name, kind, digest).exists()
            for name in self._folders()
            for kind in (_BLOBS, _MANIFESTS)
        )

    def _drop_unlinked(self, digest: Digest) -> None:
        if not self._is_linked(digest):
            self._blobs.delete(digest)

    def _mark(self, path: Path) -> None:
        """Make an empty file, or leave the one that is there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if self._durable:
            _flush_folder(path.parent)

    def _write(self, path: Path, text: str) -> None:
        """Put a small file in place at once, so that it is there whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.parent / f".{secrets.token_hex(8)}"
        try:
            with beside.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        if self._durable:
            _flush_folder(path.parent)

    def _sweep(self) -> None:
        """Remove content that a crash left without a repository."""
        linked = {
            (link.parent.name, link.name)
            for kind in (_BLOBS, _MANIFESTS)
            for link in self._repositories.glob(f"**/{kind}/*/*")
        }
        for digest in list(self._blobs.digests()):
            if (digest.algorithm, digest.hex) not in linked:
                self._blobs.delete(digest)


def _flat(digest: Digest) -> str:
    return f"{digest.algorithm}-{digest.hex}"


def _files(folder: Path) -> list[Path]:
    """Return the finished files in `folder`; none if there is no such folder."""
    try:
        return [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
