"""Blobs on their way in: each upload is a file that grows until its digest is proved.

An upload lives as long as the Hub's process; what an earlier process left is removed at start.
Source: distribution-spec 1.1, "Pushing blobs".
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.oci.digest import Digest, Hash
from lab.registry.errors import Code, Refused
from lab.registry.names import Repository

STALE_AFTER = 3600.0
"""Seconds without a byte after which an upload is given up."""

_READ_BYTES = 1 << 20
_RANGE = re.compile(r"([0-9]+)-([0-9]+)")


@dataclass(frozen=True, slots=True)
class ChunkRange:
    """Where in the blob a chunk belongs: first and last byte, both included."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> ChunkRange:
        """Read a chunk's Content-Range, `0-1023`; Refused (RANGE_INVALID) if it is malformed."""
        match = _RANGE.fullmatch(text)
        if match is None or int(match[2]) < int(match[1]):
            raise Refused(Code.RANGE_INVALID, detail={"range": text})
        return cls(int(match[1]), int(match[2]))

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class Upload:
    """One blob on its way into `repository`; `offset` bytes have arrived so far."""

    def __init__(self, id: str, repository: Repository, path: Path, algorithm: str) -> None:
        self.id = id
        self.repository = repository
        self.path = path
        self.offset = 0
        self._algorithm = algorithm
        self._hash: Hash = hashlib.new(algorithm)
        self._claim = threading.Lock()
        path.touch()

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other requests away.  Refused: BLOB_UPLOAD_INVALID if one is at it already."""
        if not self._claim.acquire(blocking=False):
            raise Refused(Code.BLOB_UPLOAD_INVALID, "another request is writing to this upload")
        try:
            yield
        finally:
            self._claim.release()

    @property
    def is_claimed(self) -> bool:
        return self._claim.locked()

    def expect(self, range: ChunkRange, length: int | None) -> None:
        """Check what a request announces: where its chunk goes, and its Content-Length.

        Refused: RANGE_INVALID if the chunk does not begin where the upload ends, SIZE_INVALID
        if the two lengths differ.
        """
        if range.first != self.offset:
            detail = {"offset": self.offset, "first": range.first}
            raise Refused(Code.RANGE_INVALID, detail=detail)
        if length is not None and length != range.length:
            raise Refused(Code.SIZE_INVALID, detail={"range": range.length, "length": length})

    def append(self, data: bytes) -> None:
        """Add bytes at the end.  After an OSError (full disk) the upload is of no more use."""
        rest = memoryview(data)
        with self.path.open("r+b", buffering=0) as file:
            file.seek(self.offset)
            while rest:
                rest = rest[os.write(file.fileno(), rest) :]
        self._hash.update(data)
        self.offset += len(data)

    def verify(self, digest: Digest) -> None:
        """Refused (DIGEST_INVALID) unless the bytes hash to `digest`; makes them durable."""
        with self.path.open("rb", buffering=0) as file:
            running = self._hash
            if digest.algorithm != self._algorithm:
                running = digest.hasher()
                while data := file.read(_READ_BYTES):
                    running.update(data)
            if running.hexdigest() != digest.hex:
                raise Refused(Code.DIGEST_INVALID, detail={"digest": str(digest)})
            os.fsync(file.fileno())


class Uploads:
    """All uploads that are under way."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._lock = threading.Lock()
        self._uploads: dict[str, Upload] = {}
        self._touched: dict[str, float] = {}
        root.mkdir(parents=True, exist_ok=True)
        for left in root.iterdir():
            left.unlink()

    def start(self, repository: Repository, algorithm: str = "sha256") -> Upload:
        """Begin an upload; `algorithm` is the one that its digest will probably have."""
        self._give_up_stale()
        id = secrets.token_hex(16)
        upload = Upload(id, repository, self._root / id, algorithm)
        with self._lock:
            self._uploads[id] = upload
            self._touched[id] = self._clock()
        return upload

    def get(self, repository: Repository, id: str) -> Upload:
        """Return an upload into this repository.  Refused: BLOB_UPLOAD_UNKNOWN."""
        with self._lock:
            upload = self._uploads.get(id)
            if upload is None or upload.repository != repository:
                raise Refused(Code.BLOB_UPLOAD_UNKNOWN, detail={"upload": id})
            self._touched[id] = self._clock()
        return upload

    def end(self, upload: Upload) -> None:
        """Forget an upload, finished or not, and remove its file if it is still there."""
        with self._lock:
            self._uploads.pop(upload.id, None)
            self._touched.pop(upload.id, None)
        upload.path.unlink(missing_ok=True)

    def _give_up_stale(self) -> None:
        latest = self._clock() - STALE_AFTER
        with self._lock:
            stale = [self._uploads[id] for id, at in self._touched.items() if at < latest]
        for upload in stale:
            if not upload.is_claimed:
                self.end(upload)
