"""Official images, read from an OCI image layout that `lab setup` makes.

The folder may be absent, and may be replaced while the Hub runs: its index is read again
whenever the file is another one.  Source: OCI image-spec, image-layout.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.descriptor import INDEXES, Descriptor
from lab.oci.digest import Digest
from lab.oci.manifest import Index
from lab.oci.reference import DEFAULT_DOMAIN, Reference
from lab.registry.errors import Code, Refused
from lab.registry.names import OFFICIAL, Repository, Tag
from lab.registry.source import StoredManifest

_REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(slots=True)
class _Official:
    """One official repository: digests by tag, and media types of all its manifests."""

    tags: dict[Tag, Digest] = field(default_factory=dict)
    media_types: dict[Digest, str] = field(default_factory=dict)


class Catalog:
    """A read-only Source of `library/<name>`; `folder` is the layout, None for no images."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._seen: tuple[int, ...] = ()
        self._known: dict[Repository, _Official] = {}

    def repositories(self) -> list[Repository]:
        return sorted(self._current())

    def exists(self, name: Repository) -> bool:
        return name in self._current()

    def tags(self, name: Repository) -> list[Tag]:
        official = self._current().get(name)
        if official is None:
            raise Refused(Code.NAME_UNKNOWN, detail={"name": name})
        return sorted(official.tags)

    def manifest(self, name: Repository, reference: Tag | Digest) -> StoredManifest:
        official = self._current().get(name, _Official())
        digest = reference if isinstance(reference, Digest) else official.tags.get(reference)
        if digest is None or digest not in official.media_types:
            raise Refused(Code.MANIFEST_UNKNOWN, detail={"name": name, "reference": str(reference)})
        try:
            content = self._path(digest).read_bytes()
        except FileNotFoundError:
            raise Refused(Code.MANIFEST_UNKNOWN, detail={"digest": str(digest)}) from None
        return StoredManifest(digest, official.media_types[digest], content)

    def blob(self, name: Repository, digest: Digest) -> Path:
        # all that the catalog holds is public, so any repository of it may show any blob
        if name in self._current():
            path = self._path(digest)
            if path.is_file():
                return path
        raise Refused(Code.BLOB_UNKNOWN, detail={"digest": str(digest)})

    def _path(self, digest: Digest) -> Path:
        return (self._folder or Path()) / "blobs" / digest.algorithm / digest.hex

    def _current(self) -> dict[Repository, _Official]:
        """Return what the index says now; read it only if the file changed."""
        if self._folder is None:
            return {}
        index = self._folder / "index.json"
        try:
            info = index.stat()
            seen = (info.st_ino, info.st_mtime_ns, info.st_size)
            if seen != self._seen:
                known = self._parse(index.read_bytes())
                self._known, self._seen = known, seen
        except (FileNotFoundError, NotADirectoryError):
            self._known, self._seen = {}, ()
        return self._known

    def _parse(self, content: bytes) -> dict[Repository, _Official]:
        known: dict[Repository, _Official] = {}
        for entry in Index.from_json(fields.load_object(content, "index.json")).manifests:
            name, tag = _official_name(entry)
            if not name:
                continue
            official = known.setdefault(Repository(name), _Official())
            official.tags[Tag(tag)] = entry.digest
            for part in self._with_parts(entry):
                official.media_types[part.digest] = part.media_type
        return known

    def _with_parts(self, entry: Descriptor) -> Iterator[Descriptor]:
        """Yield the descriptor, and those of the manifests in it if it is of an index."""
        yield entry
        path = self._path(entry.digest)
        if entry.media_type in INDEXES and path.is_file():
            yield from Index.from_json(fields.load_object(path.read_bytes(), "index")).manifests


def _official_name(entry: Descriptor) -> tuple[str, str]:
    """Return repository and tag that the entry is annotated with; empty if it is not official."""
    try:
        reference = Reference.parse(entry.annotations.get(_REF_NAME, "")).tagged()
    except InvalidParameter:
        return "", ""
    official = reference.domain == DEFAULT_DOMAIN and reference.path.startswith(OFFICIAL)
    return (reference.path, reference.tag) if official and reference.tag else ("", "")
