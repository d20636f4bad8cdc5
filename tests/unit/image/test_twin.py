"""A copy that is made while a tree is packed."""

from __future__ import annotations

import errno
import os
import stat
import struct
from pathlib import Path

import pytest

from lab.errors import SyscallError
from lab.image import twin
from lab.image.blobs import BlobStore
from lab.image.layer import apply_layer, write_layer
from lab.kernel.idmap import IdMap
from lab.kernel.trees import OPAQUE

from .helpers import IDS, deep_tree, listing, needs_root
from .test_pack import furnish

pytestmark = needs_root


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "the-copy"
    folder.mkdir()
    return folder


def test_the_copy_is_what_unpacking_gives(tree: Path, copy: Path, blobs: BlobStore) -> None:
    """Are all kinds of entries in the copy as in the unpacked layer, marks and times included?"""
    furnish(tree)
    (tree / "etc/big").write_bytes(os.urandom((3 << 20) + 5))
    (tree / ".wh.passwd").touch()
    for path in tree.rglob("*"):
        os.utime(path, ns=(1, 1_500_000_000), follow_symlinks=False)
    written = write_layer(tree, IDS, blobs, copy=copy)
    unpacked = copy.parent / "unpacked"
    unpacked.mkdir()
    with blobs.open(written.descriptor.digest) as blob:
        apply_layer(blob, "", unpacked, IDS, written.diff_id)
    assert listing(copy) == listing(unpacked)
    assert (copy / "etc/big").read_bytes() == (tree / "etc/big").read_bytes()
    assert os.getxattr(copy / "opaque", OPAQUE) == b"y"
    assert "user.overlay.origin" not in os.listxattr(copy / "opaque")
    assert (copy / "etc/conf").stat().st_nlink == 2
    assert stat.S_ISCHR((copy / "etc/gone").stat().st_mode)
    for name in ("etc", "etc/big", "etc/link", "fifo", "zero"):
        assert os.lstat(copy / name).st_mtime_ns == 1_000_000_000
    assert write_layer(copy, IDS, blobs) == written


def test_owners_and_the_root_stay(tree: Path, copy: Path, blobs: BlobStore) -> None:
    """Has the copy the owners of its source, the root's own too, and capabilities as on disk?"""
    (tree / "f").touch()
    os.chown(tree / "f", 133, 134)
    capability = struct.pack("<6I", 0x03000001, 1 << 13, 0, 0, 0, 100)
    os.setxattr(tree / "f", "security.capability", capability)
    os.chown(tree, 105, 106)
    tree.chmod(0o1750)
    write_layer(tree, IdMap(100), blobs, copy=copy)
    found = (copy / "f").stat()
    assert (found.st_uid, found.st_gid) == (133, 134)
    assert os.getxattr(copy / "f", "security.capability") == capability
    root = copy.stat()
    assert (root.st_uid, root.st_gid, stat.S_IMODE(root.st_mode)) == (105, 106, 0o1750)


def test_what_changes_meanwhile_is_the_same_in_both(
    tree: Path, copy: Path, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a file is rewritten while it is read, have copy and archive the same bytes of it?"""
    (tree / "f").write_bytes(b"x" * (3 << 20))
    true_read = os.read

    def read(fd: int, count: int) -> bytes:
        piece = true_read(fd, count)
        (tree / "f").write_bytes(b"y" * (2 << 20))
        return piece

    monkeypatch.setattr("lab.image.pack.os.read", read)
    written = write_layer(tree, IDS, blobs, copy=copy)
    monkeypatch.undo()
    content = (copy / "f").read_bytes()
    assert content == b"x" * (1 << 20) + b"y" * (1 << 20) + bytes(1 << 20)
    assert written.size == 3 << 20
    unpacked = copy.parent / "unpacked"
    unpacked.mkdir()
    with blobs.open(written.descriptor.digest) as blob:
        apply_layer(blob, "", unpacked, IDS, written.diff_id)
    assert (unpacked / "f").read_bytes() == content


def test_a_full_disk_is_said_and_leaves_no_blob(
    tree: Path, copy: Path, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does an error of the copy end the whole, with the file's name and what would help?"""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tree / "big").write_bytes(b"x" * 100)
    monkeypatch.setattr(twin.os, "write", full)
    with pytest.raises(SyscallError, match="big") as caught:
        write_layer(tree, IDS, blobs, copy=copy)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.hint
    assert list(blobs.digests()) == []


def test_nothing_stays_open(tree: Path, copy: Path, blobs: BlobStore) -> None:
    """Are all descriptors closed after a whole and after a failed copy, at any depth?"""
    before = len(os.listdir("/proc/self/fd"))
    with deep_tree(tree, 50):
        write_layer(tree, IDS, blobs, copy=copy)
        with pytest.raises(SyscallError, match="File exists"):
            write_layer(tree, IDS, blobs, copy=copy)
    assert len(os.listdir("/proc/self/fd")) == before
