"""Content by digest: what was once committed never changes and is never half there.

ROOT/blobs/ALGORITHM/HEX     committed content
ROOT/ingest/NAME             content that is being written; removed when the store is opened

Another folder of blobs may stand beside it, as an image layout has: what it holds is read there
and never copied, changed or deleted.  Source: OCI image-spec, image-layout.md.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lab.errors import DigestMismatch, InvalidParameter, NotFound, SyscallError
from lab.oci.digest import Digest

_ALGORITHMS = ("sha256", "sha512")
_PIECE = 1 << 20


class BlobStore:
    """A folder of blobs that several threads may read, write and delete.

    Whoever is about to rely on blobs that no image names yet (a pull, a build) holds a `lease`
    meanwhile, so that the garbage collector does not take them away.
    """

    def __init__(self, root: Path, beside: Path | None = None) -> None:
        """`beside` is an image layout whose blobs count as being here."""
        self._blobs = root / "blobs"
        self._beside = None if beside is None else beside / "blobs"
        self._ingest = root / "ingest"
        self._leases = 0
        self._collecting = threading.RLock()
        for folder in (*(self._blobs / name for name in _ALGORITHMS), self._ingest):
            folder.mkdir(parents=True, exist_ok=True)
        for leftover in self._ingest.iterdir():
            leftover.unlink()

    def path(self, digest: Digest) -> Path:
        """Return where the blob is in this store, or would be."""
        return self._blobs / digest.algorithm / digest.hex

    def has(self, digest: Digest) -> bool:
        """Return whether the blob is there."""
        return any(place.exists() for place in self._places(digest))

    def size(self, digest: Digest) -> int:
        """Return the blob's size in bytes; NotFound if it is not there."""
        for place in self._places(digest):
            with suppress(FileNotFoundError):
                return place.stat().st_size
        raise _missing(digest)

    def open(self, digest: Digest) -> BinaryIO:
        """Open the blob for reading, unbuffered; NotFound if it is not there."""
        for place in self._places(digest):
            with suppress(FileNotFoundError):
                return open(place, "rb", buffering=0)
        raise _missing(digest)

    def read(self, digest: Digest, limit: int) -> bytes:
        """Return the whole of a small blob (a manifest, a configuration), verified.

        Raises NotFound, InvalidParameter if it has more than `limit` bytes, DigestMismatch if
        the disk holds something else by now.
        """
        with self.open(digest) as blob:
            pieces = []
            left = limit + 1
            while left and (piece := blob.read(left)):
                pieces.append(piece)
                left -= len(piece)
        if not left:
            raise InvalidParameter(f"content {digest} is larger than {limit} bytes")
        content = b"".join(pieces)
        digest.check(content)
        return content

    def put(self, content: bytes) -> Digest:
        """Store bytes that are at hand; return their sha256 digest."""
        with self.ingest(Digest.of(content), len(content)) as ingest:
            ingest.write(content)
            return ingest.commit()[0]

    @contextmanager
    def ingest(self, expected: Digest | None = None, size: int | None = None) -> Iterator[Ingest]:
        """Write a blob: `write` as often as needed, then `commit`.

        Without `commit`, or after any error, nothing is left.  `expected` and `size`, where
        known, are what the content must turn out to be.
        """
        ingest = Ingest(self, self._ingest / secrets.token_hex(16), expected, size)
        try:
            yield ingest
        finally:
            ingest.close()

    def adopt(self, path: Path, expected: Digest) -> None:
        """Take an existing file as the blob `expected`, without a copy where possible.

        The file is linked (it must not be changed afterwards) or, across file systems, copied;
        it is read and verified in both cases.  Raises DigestMismatch.
        """
        if self.has(expected):
            return
        linked = self._ingest / secrets.token_hex(16)
        try:
            os.link(path, linked)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EROFS):
                raise
            self._copy(path, expected)
            return
        try:
            with open(linked, "rb", buffering=0) as content:
                _verify(content, expected)
                os.fsync(content.fileno())
            self._publish(linked, expected)
        finally:
            linked.unlink(missing_ok=True)

    def delete(self, digest: Digest) -> None:
        """Remove the blob; nothing there is no error.  Who has it open reads on."""
        self.path(digest).unlink(missing_ok=True)

    def digests(self) -> Iterator[Digest]:
        """Yield the digests of the store's own blobs; files that are none are passed over."""
        for algorithm in _ALGORITHMS:
            for name in os.listdir(self._blobs / algorithm):
                try:
                    yield Digest.parse(f"{algorithm}:{name}")
                except InvalidParameter:
                    continue

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Keep every blob, and every new one, while the block runs."""
        with self._collecting:
            self._leases += 1
        try:
            yield
        finally:
            with self._collecting:
                self._leases -= 1

    @contextmanager
    def collecting(self) -> Iterator[bool]:
        """Keep new leases waiting while the block runs; yields whether there is none now."""
        with self._collecting:
            yield self._leases == 0

    def _places(self, digest: Digest) -> Iterator[Path]:
        yield self.path(digest)
        if self._beside is not None:
            yield self._beside / digest.algorithm / digest.hex

    def _copy(self, path: Path, expected: Digest) -> None:
        with open(path, "rb", buffering=0) as source, self.ingest(expected) as ingest:
            while piece := source.read(_PIECE):
                ingest.write(piece)
            ingest.commit()

    def _publish(self, temporary: Path, digest: Digest) -> None:
        """Make a complete, flushed file visible as a blob, for good."""
        target = self.path(digest)
        os.rename(temporary, target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Ingest:
    """A blob being written; made by `BlobStore.ingest`, used by one thread at a time."""

    def __init__(
        self, store: BlobStore, path: Path, expected: Digest | None, size: int | None
    ) -> None:
        self.written = 0
        self._store = store
        self._path = path
        self._expected = expected
        self._size = size
        self._hash = expected.hasher() if expected else hashlib.sha256()
        self._file: BinaryIO | None = open(path, "xb", buffering=0)  # noqa: SIM115 - closed by `close`

    def write(self, content: bytes) -> None:
        """Append bytes.

        Raises InvalidParameter as soon as there are more than announced, SyscallError where the
        disk is full.
        """
        if self._file is None:
            raise ValueError("write to an ingest that is closed")
        self.written += len(content)
        if self._size is not None and self.written > self._size:
            raise InvalidParameter(f"content is longer than the announced {self._size} bytes")
        self._hash.update(content)
        view = memoryview(content)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise _write_error(error) from None

    def commit(self) -> tuple[Digest, int]:
        """Make the content a blob; return its digest and size.

        A blob that is already there stays as it is.  Raises DigestMismatch, or InvalidParameter
        for a wrong size; nothing is left then.
        """
        if self._file is None:
            raise ValueError("commit of an ingest that is closed")
        algorithm = self._expected.algorithm if self._expected else "sha256"
        digest = Digest.parse(f"{algorithm}:{self._hash.hexdigest()}")
        if self._size is not None and self.written != self._size:
            raise InvalidParameter(f"unexpected commit size {self.written}, expected {self._size}")
        if self._expected is not None and digest != self._expected:
            raise _mismatch(digest, self._expected)
        try:
            os.fsync(self._file.fileno())
            self._store._publish(self._path, digest)
        except OSError as error:
            raise _write_error(error) from None
        self.close()
        return digest, self.written

    def close(self) -> None:
        """Remove what was not committed; later calls do nothing."""
        if self._file is None:
            return
        self._file.close()
        self._file = None
        self._path.unlink(missing_ok=True)


def _verify(content: BinaryIO, expected: Digest) -> None:
    running = expected.hasher()
    while piece := content.read(_PIECE):
        running.update(piece)
    found = Digest.parse(f"{expected.algorithm}:{running.hexdigest()}")
    if found != expected:
        raise _mismatch(found, expected)


def _mismatch(found: Digest, expected: Digest) -> DigestMismatch:
    return DigestMismatch(f"unexpected commit digest {found}, expected {expected}")


def _missing(digest: Digest) -> NotFound:
    return NotFound(f"content {digest}: not found")


def _write_error(error: OSError) -> SyscallError:
    explained = SyscallError(error.errno or errno.EIO, "write to the content store")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        explained.hint = "remove images and containers that are no longer needed"
    return explained
