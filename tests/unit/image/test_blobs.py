"""The store of content by digest."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from lab.errors import DigestMismatch, InvalidParameter, NotFound
from lab.image.blobs import BlobStore
from lab.oci.digest import Digest

CONTENT = b"some content"
DIGEST = Digest.of(CONTENT)


def left(tmp_path: Path) -> list[str]:
    """All files of the store."""
    return sorted(path.name for path in (tmp_path / "store").rglob("*") if path.is_file())


def test_content_is_found_by_its_digest(blobs: BlobStore) -> None:
    """Can what was put be read, sized and found at its place?"""
    assert blobs.put(CONTENT) == DIGEST
    assert blobs.has(DIGEST)
    assert blobs.size(DIGEST) == len(CONTENT)
    assert blobs.read(DIGEST, 100) == CONTENT
    assert blobs.path(DIGEST).read_bytes() == CONTENT
    assert str(blobs.path(DIGEST)).endswith(f"/blobs/sha256/{DIGEST.hex}")
    assert list(blobs.digests()) == [DIGEST]
    with blobs.open(DIGEST) as blob:
        assert blob.read() == CONTENT


def test_content_survives_a_new_start(blobs: BlobStore, tmp_path: Path) -> None:
    """Is committed content there for the next process, and an abandoned ingest gone?"""
    blobs.put(CONTENT)
    (tmp_path / "store/ingest/leftover").write_text("half")
    again = BlobStore(tmp_path / "store")
    assert again.read(DIGEST, 100) == CONTENT
    assert left(tmp_path) == [DIGEST.hex]


def test_absent_content_is_not_found(blobs: BlobStore) -> None:
    """Is every way to ask for absent content answered by NotFound?"""
    assert not blobs.has(DIGEST)
    for ask in (blobs.size, blobs.open, lambda digest: blobs.read(digest, 9)):
        with pytest.raises(NotFound):
            ask(DIGEST)
    blobs.delete(DIGEST)


def test_deleted_content_is_gone(blobs: BlobStore) -> None:
    """Does delete remove exactly that blob, and may who reads it go on?"""
    other = blobs.put(b"other")
    blobs.put(CONTENT)
    with blobs.open(DIGEST) as blob:
        blobs.delete(DIGEST)
        assert blob.read() == CONTENT
    assert list(blobs.digests()) == [other]


def test_a_limit_bounds_what_is_read(blobs: BlobStore) -> None:
    """Is a blob of exactly the limit read, and a longer one refused?"""
    blobs.put(CONTENT)
    assert blobs.read(DIGEST, len(CONTENT)) == CONTENT
    with pytest.raises(InvalidParameter, match="larger than"):
        blobs.read(DIGEST, len(CONTENT) - 1)


def test_a_damaged_blob_is_noticed(blobs: BlobStore) -> None:
    """Is content that changed on disk refused by read?"""
    blobs.put(CONTENT)
    blobs.path(DIGEST).write_bytes(b"other content")
    with pytest.raises(DigestMismatch):
        blobs.read(DIGEST, 100)


def test_an_ingest_is_invisible_until_committed(blobs: BlobStore) -> None:
    """Does content appear only with the commit, and with the right digest and size?"""
    with blobs.ingest() as ingest:
        ingest.write(CONTENT[:4])
        ingest.write(CONTENT[4:])
        assert list(blobs.digests()) == []
        assert ingest.commit() == (DIGEST, len(CONTENT))
    assert blobs.read(DIGEST, 100) == CONTENT


def test_committing_twice_is_no_error(blobs: BlobStore, tmp_path: Path) -> None:
    """Is storing what is there already accepted?"""
    for _ in range(2):
        with blobs.ingest(DIGEST, len(CONTENT)) as ingest:
            ingest.write(CONTENT)
            assert ingest.commit() == (DIGEST, len(CONTENT))
    assert left(tmp_path) == [DIGEST.hex]


def test_another_algorithm_has_its_own_folder(blobs: BlobStore) -> None:
    """Is content under a sha512 digest verified and stored as such?"""
    digest = Digest.parse("sha512:" + hashlib.sha512(CONTENT).hexdigest())
    with blobs.ingest(digest) as ingest:
        ingest.write(CONTENT)
        ingest.commit()
    assert blobs.path(digest).parent.name == "sha512"
    assert list(blobs.digests()) == [digest]


def test_a_file_is_adopted_by_link(blobs: BlobStore, tmp_path: Path) -> None:
    """Is an existing file taken without a copy?"""
    source = tmp_path / "file"
    source.write_bytes(CONTENT)
    blobs.adopt(source, DIGEST)
    blobs.adopt(source, DIGEST)
    assert blobs.read(DIGEST, 100) == CONTENT
    assert source.stat().st_nlink == 2
    assert left(tmp_path) == [DIGEST.hex]


def test_a_file_is_adopted_by_copy(
    blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is a file of another file system copied?"""

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    source = tmp_path / "file"
    source.write_bytes(CONTENT)
    blobs.adopt(source, DIGEST)
    assert blobs.read(DIGEST, 100) == CONTENT
    assert source.stat().st_nlink == 1


def test_a_wrong_file_is_not_adopted(blobs: BlobStore, tmp_path: Path) -> None:
    """Is a file with another digest refused, by link as by copy, leaving nothing?"""
    source = tmp_path / "file"
    source.write_bytes(b"other")
    with pytest.raises(DigestMismatch):
        blobs.adopt(source, DIGEST)
    with pytest.raises(FileNotFoundError):
        blobs.adopt(tmp_path / "missing", DIGEST)
    assert left(tmp_path) == []
    assert source.stat().st_nlink == 1


def test_strange_files_do_not_disturb(blobs: BlobStore) -> None:
    """Is a file that is no blob passed over in the list?"""
    blobs.put(CONTENT)
    blobs.path(DIGEST).with_name("README").touch()
    assert list(blobs.digests()) == [DIGEST]


def test_a_layout_beside_is_read_and_left_alone(tmp_path: Path) -> None:
    """Does what an image layout holds count as here, without a copy, and survive a deletion?"""
    shared = tmp_path / "layout" / "blobs" / "sha256" / DIGEST.hex
    shared.parent.mkdir(parents=True)
    shared.write_bytes(CONTENT)
    blobs = BlobStore(tmp_path / "store", beside=tmp_path / "layout")
    assert blobs.has(DIGEST)
    assert blobs.size(DIGEST) == len(CONTENT)
    assert blobs.read(DIGEST, 100) == CONTENT
    blobs.adopt(shared, DIGEST)
    assert left(tmp_path) == []
    assert list(blobs.digests()) == []
    blobs.delete(DIGEST)
    assert shared.read_bytes() == CONTENT
    shared.unlink()
    assert not blobs.has(DIGEST)
    with pytest.raises(NotFound, match="not found"):
        blobs.open(DIGEST)
    with pytest.raises(NotFound):
        blobs.size(DIGEST)


def test_the_stores_own_content_comes_first(tmp_path: Path) -> None:
    """Is what the store has itself not read from the layout beside it?"""
    shared = tmp_path / "layout" / "blobs" / "sha256" / DIGEST.hex
    shared.parent.mkdir(parents=True)
    shared.write_bytes(b"damaged")
    blobs = BlobStore(tmp_path / "store", beside=tmp_path / "layout")
    with pytest.raises(DigestMismatch):
        blobs.read(DIGEST, 100)
    blobs.put(CONTENT)
    assert blobs.read(DIGEST, 100) == CONTENT
    assert list(blobs.digests()) == [DIGEST]
