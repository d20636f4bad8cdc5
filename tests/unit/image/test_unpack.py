"""Unpacking a layer into the form that overlay wants."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import stat
import struct
import tarfile
from pathlib import Path

import pytest

from lab.errors import DigestMismatch, InvalidParameter, SyscallError, UnsafePath
from lab.image.layer import apply_layer
from lab.image.unpack import Unpacker
from lab.kernel.idmap import IdMap
from lab.kernel.trees import OPAQUE
from lab.oci.digest import Digest

from .helpers import (
    GZIP,
    IDS,
    archive,
    directory,
    file,
    hardlink,
    info,
    listing,
    needs_root,
    symlink,
    unpack,
)

pytestmark = needs_root


def test_files_directories_and_links(tree: Path) -> None:
    """Does everything arrive with content, mode and time, and is the result described?"""
    content = archive(
        directory("d/", mode=0o750, mtime=1000),
        file("d/f", b"hello", mode=0o4755, mtime=2000),
        symlink("d/s", "/etc/../f"),
        hardlink("h", "d/f"),
        info("p", tarfile.FIFOTYPE, mode=0o600),
    )
    result = unpack(content, tree)
    assert listing(tree) == {
        "d": "directory",
        "d/f": "file hello",
        "d/s": "-> /etc/../f",
        "h": "file hello",
        "p": "other",
    }
    assert stat.S_IMODE((tree / "d/f").stat().st_mode) == 0o4755
    assert stat.S_IMODE((tree / "d").stat().st_mode) == 0o750
    assert ((tree / "d").stat().st_mtime, (tree / "h").stat().st_mtime) == (1000, 2000)
    assert (tree / "h").stat().st_ino == (tree / "d/f").stat().st_ino
    assert result.diff_id == Digest.of(content)
    assert (result.entries, result.size) == (5, len("hello") + len("/etc/../f"))


def test_owners_are_those_of_the_sandbox(tree: Path) -> None:
    """Is a container's id stored as the sandbox's id of the same user?"""
    unpack(
        archive(
            file("root"),
            file("web", b"x", uid=33, gid=34, mode=0o6711),
            symlink("link", "web"),
            file("nobody", uid=10**9),
            file("implied/file"),
        ),
        tree,
        IdMap(100),
    )
    assert ((tree / "root").stat().st_uid, (tree / "link").lstat().st_gid) == (100, 100)
    assert ((tree / "web").stat().st_uid, (tree / "web").stat().st_gid) == (133, 134)
    assert stat.S_IMODE((tree / "web").stat().st_mode) == 0o6711
    assert (tree / "nobody").stat().st_uid == 65534
    assert ((tree / "implied").stat().st_uid, (tree / "implied").stat().st_mode & 0o777) == (
        100,
        0o755,
    )


def test_fractions_of_seconds_are_kept(tree: Path) -> None:
    """Is a pax time applied to the nanosecond?"""
    member = tarfile.TarInfo("f")
    member.mtime = 1.25
    unpack(archive(member), tree)
    assert (tree / "f").stat().st_mtime_ns == 1_250_000_000


def test_deletions_become_whiteouts(tree: Path) -> None:
    """Does `.wh.` become a device 0:0, and an opaque mark an attribute?"""
    unpack(
        archive(
            file("etc/.wh.passwd"), directory("var"), file("var/.wh..wh..opq"), file("var/new")
        ),
        tree,
    )
    assert listing(tree) == {
        "etc": "directory",
        "etc/passwd": "whiteout",
        "var": "directory",
        "var/new": "file ",
    }
    assert os.getxattr(tree / "var", OPAQUE) == b"y"


@pytest.mark.parametrize("order", [0, 1], ids=["whiteout first", "whiteout last"])
def test_a_directory_that_replaces_one_hides_it(tree: Path, order: int) -> None:
    """If a layer deletes a directory and has it anew, is the old content hidden in any order?"""
    anew = [directory("d"), file("d/new")]
    gone = [file(".wh.d")]
    unpack(archive(*(anew + gone if order else gone + anew)), tree)
    assert listing(tree) == {"d": "directory", "d/new": "file "}
    assert os.getxattr(tree / "d", OPAQUE) == b"y"


def test_a_whiteout_gives_way_to_an_implied_directory(tree: Path) -> None:
    """Does a file below a deleted directory bring it back, without its old content?"""
    unpack(archive(file(".wh.d"), file("d/e/new", b"x")), tree)
    assert listing(tree)["d/e/new"] == "file x"
    assert os.getxattr(tree / "d", OPAQUE) == b"y"


def test_what_a_layer_has_is_not_deleted_by_its_own_whiteout(tree: Path) -> None:
    """Does a whiteout leave a file of the same layer alone?"""
    unpack(archive(file("f", b"kept"), file(".wh.f")), tree)
    assert listing(tree) == {"f": "file kept"}


def test_metadata_of_aufs_is_dropped(tree: Path) -> None:
    """Is what AUFS kept in layers passed over?"""
    unpack(archive(directory(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", b"x"), file("a")), tree)
    assert listing(tree) == {"a": "file "}


@pytest.mark.parametrize("name", [".wh.", ".wh...", ".wh..", "d/.wh."])
def test_invalid_whiteouts_are_refused(tree: Path, name: str) -> None:
    """Is a whiteout of nothing, of `.` or of `..` an error?"""
    with pytest.raises(InvalidParameter, match="invalid whiteout"):
        unpack(archive(file(name)), tree)


CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)


def xattrs(**values: bytes) -> dict[str, str]:
    return {
        "SCHILY.xattr." + name.replace("__", "."): value.decode("utf-8", "surrogateescape")
        for name, value in values.items()
    }


def test_attributes_are_set(tree: Path) -> None:
    """Are user attributes and file capabilities kept, and overlay's own marks refused?"""
    headers = xattrs(
        user__note=b"hi\xff",
        security__capability=CAPABILITY,
        user__overlay__opaque=b"y",
        trusted__overlay__redirect=b"/etc",
    )
    unpack(archive(file("f", pax_headers=headers), directory("d", pax_headers=headers)), tree)
    assert os.getxattr(tree / "f", "user.note") == b"hi\xff"
    assert os.getxattr(tree / "f", "security.capability") == CAPABILITY
    for name in ("f", "d"):
        assert not [key for key in os.listxattr(tree / name) if "overlay" in key]


def test_file_capabilities_are_bound_to_container_root(tree: Path) -> None:
    """Where container root is not the sandbox's root, does only the former get the capability?"""
    headers = xattrs(security__capability=CAPABILITY)
    unpack(archive(file("f", pax_headers=headers)), tree, IdMap(7))
    value = os.getxattr(tree / "f", "security.capability")
    assert struct.unpack("<6I", value) == (0x03000001, 1 << 13, 0, 0, 0, 7)


def test_attributes_that_do_not_belong_are_ignored(tree: Path) -> None:
    """Are labels and access lists of another host left out without an error?"""
    headers = xattrs(security__selinux=b"label", system__posix_acl_access=b"acl", foo=b"x")
    unpack(archive(file("f", b"x", pax_headers=headers)), tree)
    assert listing(tree) == {"f": "file x"}


def test_refused_devices_are_left_out_and_named(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel refuses devices (in a user namespace), is the rest unpacked?"""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "mknod", refuse)
    content = archive(info("dev/null", tarfile.CHRTYPE, devmajor=1, devminor=3), file("f"))
    assert unpack(content, tree).skipped == ("dev/null",)
    assert listing(tree) == {"dev": "directory", "f": "file "}


@pytest.mark.parametrize("device", [(1 << 12, 0), (0, 1 << 20)])
def test_impossible_devices_are_refused(tree: Path, device: tuple[int, int]) -> None:
    """Is a device number that the kernel does not have an error?"""
    member = info("x", tarfile.BLKTYPE, devmajor=device[0], devminor=device[1])
    with pytest.raises(InvalidParameter, match="device number"):
        unpack(archive(member), tree)


def test_the_root_itself_stays_as_it_is(tree: Path) -> None:
    """Is a member `./` passed over, as in Docker?"""
    tree.chmod(0o751)
    assert unpack(archive(directory("./", mode=0o700, uid=5)), tree).entries == 0
    assert (tree.stat().st_mode & 0o777, tree.stat().st_uid) == (0o751, 0)


def test_the_digest_counts_everything(tree: Path) -> None:
    """Does the diff id cover all that stands behind the end of the archive?"""
    content = archive(file("f", b"x")) + bytes(16 << 20) + b"tail"
    assert unpack(content, tree).diff_id == Digest.of(content)


def test_a_lying_digest_is_refused(tree: Path) -> None:
    """Is a layer whose plain content is not what the configuration says an error?"""
    blob = gzip.compress(archive(file("f", b"x")))
    with pytest.raises(DigestMismatch, match="invalid diffID"):
        apply_layer(io.BytesIO(blob), GZIP, tree, IDS, Digest.of(b"other"))


def test_another_algorithm_is_checked_too(tree: Path) -> None:
    """Is a sha512 diff id verified with sha512?"""
    content = archive(file("f", b"x"))
    diff_id = Digest.parse("sha512:" + hashlib.sha512(content).hexdigest())
    assert apply_layer(io.BytesIO(content), GZIP, tree, IDS, diff_id).diff_id == diff_id


@pytest.mark.parametrize("compress", [True, False])
def test_truncated_layers_are_refused(tree: Path, compress: bool) -> None:
    """Is a layer that ends in the middle an error, compressed or not?"""
    content = archive(file("big", os.urandom(50_000)))
    blob = gzip.compress(content) if compress else content
    with pytest.raises(InvalidParameter, match="unexpected EOF"):
        apply_layer(io.BytesIO(blob[: len(blob) // 2]), GZIP, tree, IDS)


def test_progress_counts_the_blob_and_may_stop_the_work(tree: Path) -> None:
    """Does progress end at the blob's size, and does its exception end the work?"""
    blob = gzip.compress(archive(file("big", os.urandom(2 << 20))))
    seen: list[int] = []
    apply_layer(io.BytesIO(blob), GZIP, tree, IDS, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(blob)

    def cancel(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_layer(io.BytesIO(blob), GZIP, tree, IDS, progress=cancel)


def test_a_full_disk_is_reported_with_the_member(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does ENOSPC come out as a clear error with a hint?"""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SyscallError, match=r"usr/bin/x.*No space left") as caught:
        unpack(archive(file("usr/bin/x", b"x")), tree)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.hint


def test_nothing_stays_open(tree: Path) -> None:
    """Are all descriptors closed, after success and after failure, with many directories?"""
    members = [file(f"d{number}/f") for number in range(200)]
    before = len(os.listdir("/proc/self/fd"))
    unpack(archive(*members), tree)
    with pytest.raises(UnsafePath):
        unpack(archive(*members, file("../x")), tree)
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_unpacker_needs_a_directory(tmp_path: Path) -> None:
    """Is a missing target an error of the caller?"""
    with pytest.raises(FileNotFoundError):
        Unpacker(tmp_path / "missing", IDS)
