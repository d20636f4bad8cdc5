"""The store of content when announcements lie, disks are full and threads meet."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lab.errors import DigestMismatch, InvalidParameter, SyscallError
from lab.image import blobs as blobs_module
from lab.image.blobs import BlobStore
from lab.oci.digest import Digest

CONTENT = b"some content"


DIGEST = Digest.of(CONTENT)


def left(tmp_path: Path) -> list[str]:
    """All files of the store."""
    return sorted(path.name for path in (tmp_path / "store").rglob("*") if path.is_file())


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
