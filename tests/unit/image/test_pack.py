"""Turning an upper directory into a layer, and back."""

from __future__ import annotations

import errno
import gzip
import io
import os
import socket
import stat
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.errors import SyscallError
from lab.image import pack
from lab.image.blobs import BlobStore, Ingest
from lab.image.layer import WrittenLayer, apply_layer, write_layer
from lab.image.pack import Packer
from lab.kernel import trees
from lab.kernel.idmap import IdMap
from lab.kernel.trees import OPAQUE, Node
from lab.oci.digest import Digest

from .helpers import (
    IDS,
    archive,
    deep_tree,
    file,
    hardlink,
    listing,
    members,
    names,
    needs_root,
    unpack,
)

pytestmark = needs_root


def plain(written: WrittenLayer, blobs: BlobStore) -> bytes:
    return gzip.decompress(blobs.path(written.descriptor.digest).read_bytes())


def whiteout(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR, 0)


def furnish(tree: Path) -> None:
    """One of everything that a container may leave in its upper directory."""
    (tree / "etc").mkdir(mode=0o750)
    (tree / "etc/conf").write_text("conf")
    os.chown(tree / "etc/conf", 33, 34)
    (tree / "etc/conf").chmod(0o4755)
    os.link(tree / "etc/conf", tree / "etc/again")
    os.symlink("conf", tree / "etc/link")
    whiteout(tree / "etc/gone")
    (tree / "opaque").mkdir()
    os.setxattr(tree / "opaque", OPAQUE, b"y")
    os.setxattr(tree / "opaque", "user.overlay.origin", b"noise")
    os.setxattr(tree / "opaque", "user.note", b"kept")
    os.mkfifo(tree / "fifo")
    os.mknod(tree / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))


def test_an_upper_directory_becomes_a_layer(tree: Path, blobs: BlobStore) -> None:
    """Are all kinds of entries there, sorted, whiteouts by name, overlay's noise dropped?"""
    furnish(tree)
    written = write_layer(tree, IDS, blobs)
    content = plain(written, blobs)
    assert names(content) == [
        "etc",
        "etc/again",
        "etc/conf",
        "etc/.wh.gone",
        "etc/link",
        "fifo",
        "opaque",
        "opaque/.wh..wh..opq",
        "zero",
    ]
    found = members(content)
    assert (found["etc/conf"].islnk(), found["etc/conf"].linkname) == (True, "etc/again")
    again = found["etc/again"]
    assert (again.uid, again.gid, again.mode, again.size) == (33, 34, 0o4755, 4)
    assert found["opaque"].pax_headers == {"SCHILY.xattr.user.note": "kept"}
    assert (found["zero"].devmajor, found["zero"].devminor) == (1, 5)
    assert written.size == len("conf") + len("conf")


def test_the_result_describes_the_blob(tree: Path, blobs: BlobStore) -> None:
    """Are digest, size and diff id those of what is stored?"""
    furnish(tree)
    written = write_layer(tree, IDS, blobs)
    stored = blobs.path(written.descriptor.digest).read_bytes()
    assert written.descriptor.digest == Digest.of(stored)
    assert written.descriptor.size == len(stored)
    assert written.diff_id == Digest.of(gzip.decompress(stored))


def test_equal_trees_give_equal_layers(tmp_path: Path, blobs: BlobStore) -> None:
    """Is the layer the same byte for byte, in whatever order the files were made?"""
    trees_ = []
    for order in (("a", "b", "c"), ("c", "a", "b")):
        tree = tmp_path / "".join(order)
        tree.mkdir()
        for name in order:
            (tree / name).mkdir()
            (tree / name / "f").write_text(name)
            os.utime(tree / name / "f", (1, 1))
            os.utime(tree / name, (2, 2))
        whiteout(tree / "gone")
        trees_.append(write_layer(tree, IDS, blobs))
    assert trees_[0] == trees_[1]
    assert len(list(blobs.digests())) == 1


def test_a_layer_survives_the_round_trip(tree: Path, tmp_path: Path, blobs: BlobStore) -> None:
    """Does unpacking a written layer give the same tree, and writing that the same layer?"""
    furnish(tree)
    (tree / "etc/big").write_bytes(os.urandom(3 << 20))
    written = write_layer(tree, IDS, blobs)
    copy = tmp_path / "copy"
    copy.mkdir()
    with blobs.open(written.descriptor.digest) as blob:
        content = apply_layer(blob, written.descriptor.media_type, copy, IDS, written.diff_id)
    assert listing(copy) == listing(tree)
    assert os.getxattr(copy / "opaque", OPAQUE) == b"y"
    assert (copy / "etc/conf").stat().st_nlink == 2
    assert content.size == written.size
    assert write_layer(copy, IDS, blobs) == written


path_parts = st.sampled_from(["a", "b", "c"])
tar_paths = st.lists(path_parts, min_size=1, max_size=3).map("/".join)
tar_members = st.one_of(
    st.tuples(tar_paths, st.binary(max_size=600), st.integers(0, 0o7777)).map(
        lambda made: file(made[0], made[1], mode=made[2])
    ),
    st.tuples(tar_paths, tar_paths).map(lambda pair: hardlink(*pair)),
    tar_paths.map(lambda path: file(path.rpartition("/")[0] + "/.wh.z")),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(tar_members, max_size=6))
def test_packing_is_stable(
    tmp_path_factory: pytest.TempPathFactory, contents: list[tarfile.TarInfo]
) -> None:
    """For any tree that an archive can make: is pack(unpack(pack(tree))) the same as pack(tree)?"""
    base = tmp_path_factory.mktemp("stable")
    blobs = BlobStore(base / "store")
    (base / "one").mkdir()
    (base / "two").mkdir()
    try:
        unpack(archive(*contents), base / "one", compress=False)
    except ValueError:
        raise
    except Exception:
        return  # no tree, no property
    first = write_layer(base / "one", IDS, blobs)
    with blobs.open(first.descriptor.digest) as blob:
        apply_layer(blob, "", base / "two", IDS, first.diff_id)
    assert write_layer(base / "two", IDS, blobs) == first


def test_ids_are_those_of_the_container(tree: Path, blobs: BlobStore) -> None:
    """Is an owner written as the container knows it?"""
    (tree / "f").touch()
    os.chown(tree / "f", 133, 134)
    found = members(plain(write_layer(tree, IdMap(100), blobs), blobs))["f"]
    assert (found.uid, found.gid) == (33, 34)


def test_file_capabilities_lose_the_place(tree: Path, blobs: BlobStore) -> None:
    """Is a capability that is bound to this place's container root written without it?"""
    (tree / "f").touch()
    value = struct.pack("<6I", 0x03000001, 1 << 13, 0, 0, 0, 7)
    os.setxattr(tree / "f", "security.capability", value)
    content = plain(write_layer(tree, IdMap(7), blobs), blobs)
    [member] = members(content).values()
    record = member.pax_headers["SCHILY.xattr.security.capability"]
    expected = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
    assert record.encode("utf-8", "surrogateescape") == expected


def test_what_cannot_be_in_a_layer_is_left_out(tree: Path, blobs: BlobStore) -> None:
    """Are sockets and names that would read as deletions left out?"""
    (tree / ".wh.passwd").touch()
    (tree / "f").touch()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tree / "socket"))
        assert names(plain(write_layer(tree, IDS, blobs), blobs)) == ["f"]


def test_an_empty_directory_is_an_empty_layer(tree: Path, blobs: BlobStore) -> None:
    """Is a layer without changes the well-known empty archive?"""
    written = write_layer(tree, IDS, blobs)
    assert plain(written, blobs) == bytes(1024)
    assert written.diff_id == Digest.of(bytes(1024))


def test_a_file_that_shrinks_is_filled_up(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a file gets shorter while it is read, is the archive whole all the same?"""
    (tree / "f").write_bytes(b"x" * 1000)
    true_fstat = os.fstat

    def fstat(fd: int) -> os.stat_result:
        status = true_fstat(fd)
        os.truncate(tree / "f", 600)
        return status

    monkeypatch.setattr(pack.os, "fstat", fstat)
    with trees.opened(tree) as root:
        content = b"".join(Packer(IDS).archive(root, trees.walk(root)))
    monkeypatch.undo()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert tar.extractfile("f").read() == b"x" * 600 + bytes(400)  # type: ignore[union-attr]


def test_what_vanishes_is_left_out(tree: Path) -> None:
    """Is a file that is removed between listing and reading no error, nor a link's target?"""
    (tree / "a").write_text("x")
    os.link(tree / "a", tree / "b")
    os.symlink("a", tree / "s")

    def walk_then_remove(root: int) -> Iterator[Node]:
        for node in trees.walk(root):
            if node.path in (b"a", b"s"):
                os.unlink(tree / os.fsdecode(node.path))
            yield node

    with trees.opened(tree) as root:
        content = b"".join(Packer(IDS).archive(root, walk_then_remove(root)))
    found = members(content)
    assert list(found) == ["b"]
    assert found["b"].isreg()


def test_a_swapped_directory_leads_nowhere(tree: Path, tmp_path: Path) -> None:
    """If a directory becomes a link while it is read, is what it points to out of reach?"""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("key")
    (tree / "d").mkdir()
    (tree / "d/key").write_text("mine")

    def walk_then_swap(root: int) -> Iterator[Node]:
        for node in trees.walk(root):
            if node.path == b"d/key":
                os.rename(tree / "d", tree / "old")
                os.symlink(secret, tree / "d")
            yield node

    with trees.opened(tree) as root:
        content = b"".join(Packer(IDS).archive(root, walk_then_swap(root)))
    assert "d/key" not in names(content)


def test_a_full_disk_leaves_no_blob(
    tree: Path, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does an error while storing end all threads and leave nothing behind?"""

    def full(self: Ingest, _: bytes) -> None:
        raise SyscallError(errno.ENOSPC, "write to the content store")

    (tree / "big").write_bytes(os.urandom(8 << 20))
    monkeypatch.setattr(Ingest, "write", full)
    with pytest.raises(SyscallError, match="No space left"):
        write_layer(tree, IDS, blobs)
    assert list(blobs.digests()) == []


def test_progress_ends_at_the_size_of_the_files(tree: Path, blobs: BlobStore) -> None:
    """Does progress count what was read?"""
    (tree / "big").write_bytes(os.urandom(4 << 20))
    seen: list[int] = []
    write_layer(tree, IDS, blobs, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 4 << 20


def test_a_deep_tree_needs_no_recursion(tree: Path, blobs: BlobStore) -> None:
    """Is a tree deeper than Python's recursion limit packed?"""
    with deep_tree(tree, 1500):
        content = plain(write_layer(tree, IDS, blobs), blobs)
    assert len(names(content)) == 1500
    assert listing(tree) == {}
