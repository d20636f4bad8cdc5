"""Tests of the writer of EROFS images: read back here, and by the kernel where it may mount."""

from __future__ import annotations

import io
import os
import random
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import InvalidParameter
from lab.sandbox.vm.erofs import BLOCK, Image, Node, directory, put, symlink
from lab.sandbox.vm.parts import image_id
from tests.unit.sandbox.vm.erofs_reader import read_image

NAMES = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=60
).filter(lambda name: name not in (".", ".."))


def write_everything(path: Path) -> None:
    """Write an image with one of each kind, and with all that is special about them."""
    with path.open("wb") as file:
        image = Image(file, b"sixteen bytes id")
        owned = image.file([b"hel", b"lo"], 0o640)
        owned.uid, owned.gid, owned.mtime_ns = 70000, 5, 1_234_567_890_123_456_789
        owned.xattrs = {b"user.x": b"abc", b"security.capability": b"\1\0\0\2" + bytes(16)}
        put(image.root, "a/b/file", owned)
        put(image.root, "a/hard", owned)
        put(image.root, "link", symlink("a/b"))
        put(image.root, "long", symlink("y" * 3900))
        put(image.root, "null", Node(stat.S_IFCHR | 0o666, device=(1, 3)))
        put(image.root, "disk", Node(stat.S_IFBLK | 0o600, device=(259, 300)))
        put(image.root, "gone", Node(stat.S_IFCHR))
        put(image.root, "pipe", Node(stat.S_IFIFO | 0o600))
        put(image.root, "empty", image.file([]))
        put(image.root, "large", image.file(bytes([piece % 256]) * 1000 for piece in range(300)))
        opaque = directory(0o1777)
        opaque.xattrs = {b"user.overlay.opaque": b"y"}
        put(image.root, "opaque", opaque)
        for number in range(1000):
            put(image.root, f"many/{number:04}{'x' * (number % 200)}", Node(stat.S_IFREG | 0o644))
        image.finish()


def test_all_kinds_are_read_back(tmp_path: Path) -> None:
    """Does the image hold files, links, devices, owners, modes, times and attributes as given?"""
    path = tmp_path / "image"
    write_everything(path)
    found = read_image(path)
    file = found["a/b/file"]
    assert (file.content, file.uid, file.gid) == (b"hello", 70000, 5)
    assert (stat.S_IMODE(file.mode), file.mtime_ns) == (0o640, 1_234_567_890_123_456_789)
    assert file.xattrs[b"user.x"] == b"abc"
    assert len(file.xattrs[b"security.capability"]) == 20
    assert (found["a/hard"].number, file.links) == (file.number, 2)
    assert found["link"].content == b"a/b"
    assert found["long"].content == b"y" * 3900
    assert found["null"].device == os.makedev(1, 3)
    assert found["disk"].device == os.makedev(259, 300)
    assert (stat.S_ISCHR(found["gone"].mode), found["gone"].device) == (True, 0)
    assert found["large"].content == b"".join(bytes([n % 256]) * 1000 for n in range(300))
    assert found["opaque"].xattrs == {b"user.overlay.opaque": b"y"}
    assert (found["a"].links, found["a/b"].links) == (3, 2)
    assert sum(name.startswith("many/") for name in found) == 1000
    assert image_id(path) == b"sixteen bytes id"


def test_equal_trees_give_equal_images(tmp_path: Path) -> None:
    """Is an image made twice the same, byte for byte?"""
    write_everything(tmp_path / "one")
    write_everything(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map(tuple), st.binary(max_size=9000))
)
def test_any_tree_is_read_back(files: dict[tuple[str, ...], bytes]) -> None:
    """Does any tree of names and contents come back whole?"""
    kept = {
        path: content
        for path, content in files.items()
        if not any(path != other and other[: len(path)] == path for other in files)
    }
    path = Path("/dev/shm" if os.path.isdir("/dev/shm") else "/tmp", f"erofs-{os.getpid()}")
    try:
        with path.open("wb") as file:
            image = Image(file)
            for parts, content in kept.items():
                put(image.root, "/".join(parts), image.file([content]))
            image.finish()
        found = read_image(path)
    finally:
        path.unlink()
    assert {name: node.content for name, node in found.items() if stat.S_ISREG(node.mode)} == {
        "/".join(parts): content for parts, content in kept.items()
    }


@pytest.mark.parametrize("length", [1, 100, 255])
def test_directories_of_any_size(tmp_path: Path, length: int) -> None:
    """Are directories right below, at, and above the size that fits beside their inode?"""
    for count in [*range(0, 40), 300]:
        with (tmp_path / "image").open("wb") as file:
            image = Image(file)
            names = {f"{number:03}".ljust(length, "x")[:255] for number in range(count)}
            for name in names:
                put(image.root, f"d/{name}", Node(stat.S_IFREG | 0o644))
            put(image.root, "d", image.root.children.get(b"d", directory()))
            image.finish()
        found = read_image(tmp_path / "image")
        assert {name for name in found if name.startswith("d/")} == {f"d/{n}" for n in names}


def test_many_inodes_stay_in_their_blocks(tmp_path: Path) -> None:
    """Does nothing that lies beside an inode cross the end of a block, whatever its length?"""
    chance = random.Random(7)
    with (tmp_path / "image").open("wb") as file:
        image = Image(file)
        targets = {f"l{number}": "t" * chance.randrange(1, 4000) for number in range(500)}
        for name, target in targets.items():
            put(image.root, name, symlink(target))
        image.finish()
    found = read_image(tmp_path / "image")
    assert {name: found[name].content.decode() for name in targets} == targets


@pytest.mark.parametrize("name", ["", "n" * 256])
def test_names_that_cannot_be_stored_are_refused(name: str) -> None:
    """Is a name that no file can have refused, rather than written?"""
    image = Image(io.BytesIO())
    image.root.children[name.encode()] = directory()
    with pytest.raises(InvalidParameter):
        image.finish()


def test_links_that_cannot_be_stored_are_refused() -> None:
    """Is a link refused whose target does not fit into a block?"""
    image = Image(io.BytesIO())
    put(image.root, "link", symlink("y" * BLOCK))
    with pytest.raises(InvalidParameter):
        image.finish()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """The image with everything in it, mounted by the kernel; skipped where that is not allowed."""
    write_everything(tmp_path / "image")
    target = tmp_path / "mnt"
    target.mkdir()
    command = ["mount", "-t", "erofs", "-o", "loop,ro", str(tmp_path / "image"), str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no mount: {error}")
    if done.returncode:
        pytest.skip(f"this place does not mount EROFS: {done.stderr.strip()}")
    yield target
    subprocess.run(["umount", str(target)], check=True)


def test_kernel_sees_what_was_written(mounted: Path) -> None:
    """Does the kernel show the tree as it was given?"""
    status = (mounted / "a/b/file").stat()
    assert (mounted / "a/hard").read_bytes() == b"hello"
    assert (status.st_uid, status.st_gid, status.st_nlink) == (70000, 5, 2)
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o640, 1_234_567_890_123_456_789)
    assert os.getxattr(mounted / "a/b/file", "user.x") == b"abc"
    assert os.getxattr(mounted / "opaque", "user.overlay.opaque") == b"y"
    assert os.readlink(mounted / "long") == "y" * 3900
    assert os.lstat(mounted / "null").st_rdev == os.makedev(1, 3)
    assert os.lstat(mounted / "disk").st_rdev == os.makedev(259, 300)
    assert os.lstat(mounted / "gone").st_rdev == 0
    assert (mounted / "large").read_bytes()[-1000:] == bytes([299 % 256]) * 1000
    assert (mounted / "empty").read_bytes() == b""
    names = os.listdir(mounted / "many")
    assert len(names) == 1000
    assert all((mounted / "many" / name).is_file() for name in names)
