"""Tests of the disk with the catalog's layers: the same as the engine's unpacker would make."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest

from lab.catalog.layout import LayoutWriter
from lab.errors import DigestMismatch, InvalidParameter
from lab.image.tar import Kind, Member
from lab.image.tar_writer import END, header, padding
from lab.image.unpack import Unpacker
from lab.kernel.idmap import IdMap
from lab.microvm.catalog_disk import read_layers, write_catalog
from lab.oci import fields
from lab.oci.image_config import ImageConfig, chain_id
from lab.snapshot.shelf import size_of
from tests.unit.sandbox.vm.erofs_reader import Found, read_image

CAPABILITY = b"\1\0\0\2" + bytes(16)
MTIME = 1_700_000_000 * 10**9

BASE: list[tuple[Member, bytes]] = [
    (Member(b"usr/", Kind.DIRECTORY, mode=0o755, mtime_ns=MTIME), b""),
    (Member(b"usr/bin/", Kind.DIRECTORY, mode=0o750, gid=7, mtime_ns=MTIME), b""),
    (Member(b"usr/bin/true", Kind.FILE, mode=0o4755, uid=0, mtime_ns=MTIME), b"program"),
    (Member(b"usr/bin/also", Kind.HARDLINK, link=b"usr/bin/true"), b""),
    (Member(b"bin", Kind.SYMLINK, mode=0o777, link=b"usr/bin", mtime_ns=MTIME), b""),
    (Member(b"etc/conf/deep", Kind.FILE, uid=33, gid=33, mtime_ns=MTIME), b"x" * 5000),
    (Member(b"tmp/", Kind.DIRECTORY, mode=0o1777, mtime_ns=MTIME), b""),
    (
        Member(b"ping", Kind.FILE, mtime_ns=MTIME, xattrs={b"security.capability": CAPABILITY}),
        b"p",
    ),
    (
        Member(b"noted", Kind.FILE, mtime_ns=MTIME, xattrs={b"user.a": b"1", b"trusted.b": b"2"}),
        b"",
    ),
    (Member(b"run/pipe", Kind.FIFO, mode=0o600, mtime_ns=MTIME), b""),
]
TOP: list[tuple[Member, bytes]] = [
    (Member(b"etc/", Kind.DIRECTORY, mode=0o700, mtime_ns=MTIME), b""),
    (Member(b"etc/.wh.conf", Kind.FILE), b""),
    (Member(b"usr/.wh..wh..opq", Kind.FILE), b""),
    (Member(b"tmp/", Kind.DIRECTORY, mode=0o700, mtime_ns=MTIME), b""),
    (Member(b".wh.tmp", Kind.FILE), b""),
    (Member(b"kept", Kind.FILE, mtime_ns=MTIME), b"kept"),
    (Member(b".wh.kept", Kind.FILE), b""),
    (Member(b"usr/new", Kind.FILE, mtime_ns=MTIME), b"first"),
    (Member(b"usr/new", Kind.FILE, mode=0o600, mtime_ns=MTIME), b"second"),
]


def packed(members: Iterable[tuple[Member, bytes]]) -> list[bytes]:
    chunks = []
    for member, content in members:
        chunks += [header(member._replace(size=len(content))), content, padding(len(content))]
    return [*chunks, END]


def write_layout(folder: Path, layers: list[list[tuple[Member, bytes]]]) -> Path:
    """Write a layout with an image for each layer, each upon the ones before it."""
    catalog = folder / "catalog"
    catalog.mkdir()
    layout = LayoutWriter(catalog)
    added = [layout.add_layer(packed(members)) for members in layers]
    for count in range(1, len(added) + 1):
        config = ImageConfig("amd64", "linux", diff_ids=tuple(e.diff_id for e in added[:count]))
        descriptors = [each.descriptor for each in added[:count]]
        layout.add_image(config, descriptors, [f"image{count}:latest", f"image{count}:1"], {})
    layout.finish()
    return catalog


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write_layout(tmp_path, [BASE, TOP])


@pytest.fixture
def disk(tmp_path: Path, catalog: Path) -> dict[str, Found]:
    with (tmp_path / "catalog.erofs").open("wb") as file:
        write_catalog(file, bytes(16), catalog, lambda part: None)
    return read_image(tmp_path / "catalog.erofs")


def layer_of(disk: dict[str, Found], catalog: Path, number: int) -> dict[str, Found]:
    start = f"layers/{read_layers(catalog)[number].chain.hex}/fs"
    return {
        path.removeprefix(start).strip("/"): node
        for path, node in disk.items()
        if path == start or path.startswith(f"{start}/")
    }


def test_index_names_every_layer_once(catalog: Path, disk: dict[str, Found]) -> None:
    """Does the index say which layers there are, bases first, by chain id?"""
    rows = fields.load_object(disk["index.json"].content, "index")["layers"]
    base, top = rows
    layers = read_layers(catalog)
    diff_ids = [layer.diff_id for layer in layers]
    assert [base["chain"], top["chain"]] == [
        str(chain_id(diff_ids[:1])),
        str(chain_id(diff_ids)),
    ]
    assert (base["parent"], top["parent"]) == (None, base["chain"])
    assert [row["diff_id"] for row in rows] == list(map(str, diff_ids))
    assert [row["digest"] for row in rows] == [str(layer.blob.digest) for layer in layers]


def test_layers_hold_plain_ids(catalog: Path, disk: dict[str, Found]) -> None:
    """Are owners, modes, times, links and attributes those of the archive?"""
    base = layer_of(disk, catalog, 0)
    assert base["usr/bin/true"].content == b"program"
    assert base["usr/bin/also"].number == base["usr/bin/true"].number
    assert stat.S_IMODE(base["usr/bin/true"].mode) == 0o4755
    assert (base["usr/bin"].gid, base["usr/bin"].mtime_ns) == (7, MTIME)
    assert (base["etc/conf/deep"].uid, base["etc/conf/deep"].size) == (33, 5000)
    assert base["bin"].content == b"usr/bin"
    assert base["ping"].xattrs == {b"security.capability": CAPABILITY}
    assert base["noted"].xattrs == {b"user.a": b"1"}
    assert (base[""].uid, stat.S_IMODE(base[""].mode)) == (0, 0o755)


def test_deletions_have_overlays_form(catalog: Path, disk: dict[str, Found]) -> None:
    """Is what a layer deletes a device 0:0, and what it hides an opaque directory?"""
    top = layer_of(disk, catalog, 1)
    assert (stat.S_ISCHR(top["etc/conf"].mode), top["etc/conf"].device) == (True, 0)
    assert top["usr"].xattrs == {b"user.overlay.opaque": b"y"}
    assert (top["usr/new"].content, stat.S_IMODE(top["usr/new"].mode)) == (b"second", 0o600)
    assert top["tmp"].xattrs == {b"user.overlay.opaque": b"y"}
    assert top["kept"].content == b"kept"
    assert not any(".wh." in path for path in top)


@pytest.mark.parametrize("link", [b"missing", b"usr", b""])
def test_links_to_nothing_are_refused(tmp_path: Path, link: bytes) -> None:
    """Is a hard link to what is no file of the layer an error that names it?"""
    bad = (Member(b"bad", Kind.HARDLINK, link=link), b"")
    catalog = write_layout(tmp_path, [[*BASE, bad]])
    with pytest.raises(InvalidParameter, match="bad"), (tmp_path / "disk").open("wb") as file:
        write_catalog(file, bytes(16), catalog, lambda part: None)


def test_layers_are_what_the_unpacker_makes(
    tmp_path: Path, catalog: Path, disk: dict[str, Found]
) -> None:
    """Is each layer the same as the engine's own unpacking of it, and as large?"""
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    rows = fields.load_object(disk["index.json"].content, "index")["layers"]
    for number, members in enumerate((BASE, TOP)):
        target = tmp_path / f"unpacked{number}"
        target.mkdir(mode=0o755)
        with Unpacker(target, IdMap(0)) as unpacker:
            for member, content in members:
                unpacker.add(member._replace(size=len(content)), iter([memoryview(content)]))
            unpacker.finish()
        assert _described(target) == {
            path: (node.mode, node.uid, node.gid, node.links, node.content if _has(node) else b"")
            for path, node in layer_of(disk, catalog, number).items()
        }
        assert rows[number]["usage"] == size_of(target)


def _has(node: Found) -> bool:
    return stat.S_ISREG(node.mode) or stat.S_ISLNK(node.mode)


def _described(folder: Path) -> dict[str, tuple[int, int, int, int, bytes]]:
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        content = b""
        if stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        elif stat.S_ISLNK(status.st_mode):
            content = os.fsencode(os.readlink(path))
        name = path.relative_to(folder).as_posix().removeprefix(".")
        found[name] = (status.st_mode, status.st_uid, status.st_gid, status.st_nlink, content)
    return found


def test_damaged_layer_is_noticed(tmp_path: Path, catalog: Path) -> None:
    """Is a layer whose content is not what the image promised refused?"""
    base, top = (catalog / "blobs/sha256" / each.blob.digest.hex for each in read_layers(catalog))
    base.write_bytes(top.read_bytes())
    with pytest.raises(DigestMismatch), (tmp_path / "disk").open("wb") as file:
        write_catalog(file, bytes(16), catalog, lambda part: None)
