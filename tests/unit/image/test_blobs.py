"""The store of content by digest."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lab.errors import DigestMismatch, InvalidParameter, NotFound, SyscallError
from lab.image import blobs as blobs_module
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


@pytest.mark.parametrize(
    ("expected", "size", "error", "words"),
    [
        (Digest.of(b"x"), None, DigestMismatch, "unexpected commit digest"),
        (DIGEST, len(CONTENT) + 1, InvalidParameter, "unexpected commit size"),
        (DIGEST, len(CONTENT) - 1, InvalidParameter, "longer than the announced"),
    ],
    ids=["digest", "too short", "too long"],
)
def test_a_lying_announcement_leaves_nothing(
    blobs: BlobStore,
    tmp_path: Path,
    expected: Digest,
    size: int | None,
    error: type[Exception],
    words: str,
) -> None:
    """Is content that is not as announced refused, with no file left?"""
    with pytest.raises(error, match=words), blobs.ingest(expected, size) as ingest:
        ingest.write(CONTENT)
        ingest.commit()
    assert left(tmp_path) == []


def test_an_abandoned_ingest_leaves_nothing(blobs: BlobStore, tmp_path: Path) -> None:
    """Is an ingest that is left without commit, or by an error, removed?"""
    with blobs.ingest() as ingest:
        ingest.write(CONTENT)
    with pytest.raises(KeyError), blobs.ingest() as ingest:
        ingest.write(CONTENT)
        raise KeyError
    assert left(tmp_path) == []
    with pytest.raises(ValueError, match="closed"):
        ingest.write(b"x")
    with pytest.raises(ValueError, match="closed"):
        ingest.commit()


def test_several_threads_may_store_the_same(blobs: BlobStore, tmp_path: Path) -> None:
    """Do parallel ingests of the same content end in one blob?"""
    barrier = threading.Barrier(6)
    failures: list[BaseException] = []

    def store() -> None:
        try:
            barrier.wait()
            for _ in range(10):
                blobs.put(CONTENT)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=store) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert left(tmp_path) == [DIGEST.hex]


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


def test_content_is_flushed_before_it_is_visible(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is a blob on disk before its name, and its name before commit returns?"""
    steps: list[str] = []
    true_rename, true_fsync = os.rename, os.fsync
    monkeypatch.setattr(
        blobs_module.os, "rename", lambda *a: (steps.append("rename"), true_rename(*a))
    )
    monkeypatch.setattr(
        blobs_module.os, "fsync", lambda fd: (steps.append("fsync"), true_fsync(fd))
    )
    blobs.put(CONTENT)
    assert steps == ["fsync", "rename", "fsync"]


def test_a_lease_keeps_the_collector_away(blobs: BlobStore) -> None:
    """Does the collector see leases, nested and from other threads, and new leases wait for it?"""
    with blobs.lease(), blobs.lease(), blobs.collecting() as is_free:
        assert not is_free
    order: list[str] = []
    started = threading.Event()

    def lease() -> None:
        started.set()
        with blobs.lease():
            order.append("lease")

    thread = threading.Thread(target=lease)
    with blobs.collecting() as is_free:
        assert is_free
        thread.start()
        started.wait()
        thread.join(0.05)
        order.append("collected")
    thread.join()
    assert order == ["collected", "lease"]


FULL = """
import sys
from pathlib import Path
from lab.errors import SyscallError
from lab.image.blobs import BlobStore
blobs = BlobStore(Path(sys.argv[1]))
try:
    with blobs.ingest() as ingest:
        for _ in range(100):
            ingest.write(bytes(100_000))
        ingest.commit()
except SyscallError as error:
    print(error.message, "|", error.hint)
print(sum(path.is_file() for path in Path(sys.argv[1]).rglob("*")))
"""


@pytest.mark.skipif(
    os.system("unshare --mount true 2>/dev/null") != 0,
    reason="needs to mount a small file system",
)
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """On a file system that is really full: is the error clear, and everything removed?"""
    script = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", tmp_path, sys.executable, FULL],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    message, files = done.stdout.splitlines()
    assert "No space left on device" in message
    assert message.endswith("no longer needed")
    assert files == "0"


def test_errors_of_the_disk_are_explained(
    blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does an error while publishing come out as an error of the lab, leaving nothing?"""

    def full(*_: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(SyscallError) as caught:
        blobs.put(CONTENT)
    assert caught.value.hint
    assert left(tmp_path) == []
