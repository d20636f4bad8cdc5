"""Where the Hub reads from: what was pushed (`storage`), or the official images (`catalog`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab.oci.digest import Digest
from lab.registry.names import Repository, Tag


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it was pushed, byte for byte."""

    digest: Digest
    media_type: str
    content: bytes


class Source(Protocol):
    """A set of repositories to pull from.  Methods block; several threads may call them.

    What is not there is refused (`lab.registry.errors.Refused`) with the specification's code.
    """

    def repositories(self) -> list[Repository]:
        """Return the names of all repositories that hold, or held, a manifest; sorted."""

    def exists(self, name: Repository) -> bool:
        """Tell whether there is such a repository."""

    def tags(self, name: Repository) -> list[Tag]:
        """Return the repository's tags in ASCII order.  Refused: NAME_UNKNOWN."""

    def manifest(self, name: Repository, reference: Tag | Digest) -> StoredManifest:
        """Return the manifest that bears the tag, or has the digest.  Refused: MANIFEST_UNKNOWN."""

    def blob(self, name: Repository, digest: Digest) -> Path:
        """Return the file that holds the blob.  Refused: BLOB_UNKNOWN."""
