"""Importing and exporting whole root file systems."""

from __future__ import annotations

import gzip
import io
import os
import stat
import threading
from pathlib import Path

import pytest

from lab.errors import InvalidParameter, UnsafePath
from lab.image.archive import export_tree, import_layer
from lab.image.blobs import BlobStore
from lab.image.stack import Stack
from lab.kernel import trees
from lab.kernel.idmap import IdMap
from lab.kernel.trees import OPAQUE
from lab.oci.digest import Digest

from .helpers import IDS, archive, file, listing, members, names, needs_root, symlink, unpack

CONTENT = archive(file("etc/conf", b"1234"), symlink("l", "etc"), file("big", os.urandom(3 << 20)))


@pytest.mark.parametrize("compress", [True, False])
def test_an_import_keeps_the_archive(blobs: BlobStore, compress: bool) -> None:
    """Is the plain archive stored unchanged, and described rightly?"""
    content = CONTENT + b"tail"
    stream = io.BytesIO(gzip.compress(content) if compress else content)
    written = import_layer(stream, blobs)
    stored = blobs.path(written.descriptor.digest).read_bytes()
    assert gzip.decompress(stored) == content
    assert (written.diff_id, written.descriptor.size) == (Digest.of(content), len(stored))
    assert written.size == 4 + 3 + (3 << 20)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"no archive" * 100, InvalidParameter),
        (CONTENT[:5000], InvalidParameter),
        (gzip.compress(CONTENT)[:5000], InvalidParameter),
        (archive(file("../x")), UnsafePath),
    ],
    ids=["garbage", "cut", "gzip cut", "climbing"],
)
def test_a_bad_import_leaves_nothing(
    blobs: BlobStore, content: bytes, error: type[Exception]
) -> None:
    """Is a bad archive refused, with no blob and no thread left?"""
    before = threading.active_count()
    with pytest.raises(error):
        import_layer(io.BytesIO(content), blobs)
    assert list(blobs.digests()) == []
    assert threading.active_count() == before


def test_progress_of_an_import(blobs: BlobStore) -> None:
    """Does progress end with all bytes of the stream read?"""
    seen: list[int] = []
    import_layer(io.BytesIO(CONTENT), blobs, seen.append)
    assert seen[-1] == len(CONTENT)


@needs_root
def test_an_export_shows_what_overlay_would(tmp_path: Path) -> None:
    """Are layers merged, deletions applied, opaque directories and links respected?"""
    bottom, middle, upper = (tmp_path / name for name in ("1", "2", "3"))
    for layer in (bottom, middle, upper):
        layer.mkdir()
        (layer / "d").mkdir()
    (bottom / "d/one").write_text("1")
    os.link(bottom / "d/one", bottom / "d/two")
    (bottom / "gone").write_text("x")
    (bottom / "dir_to_file").mkdir()
    (bottom / "dir_to_file/x").touch()
    (bottom / "replaced").mkdir()
    (bottom / "replaced/old").touch()
    os.mknod(middle / "gone", stat.S_IFCHR, 0)
    (middle / "dir_to_file").write_text("f")
    (middle / "replaced").mkdir()
    (middle / "replaced/new").touch()
    os.setxattr(middle / "replaced", OPAQUE, b"y")
    (upper / "d").chmod(0o700)
    (upper / "d/three").write_text("3")
    (upper / "replaced").mkdir()
    content = b"".join(export_tree([upper, middle, bottom], IDS))
    assert names(content) == [
        "d",
        "d/one",
        "d/three",
        "d/two",
        "dir_to_file",
        "replaced",
        "replaced/new",
    ]
    found = members(content)
    assert (found["d"].mode, found["d/two"].linkname) == (0o700, "d/one")


@needs_root
def test_import_is_the_inverse_of_export(tree: Path, tmp_path: Path, blobs: BlobStore) -> None:
    """Does an exported file system come back the same, with the container's owners?"""
    unpack(CONTENT, tree, IdMap(50))
    content = b"".join(export_tree([tree], IdMap(50)))
    copy = tmp_path / "copy"
    copy.mkdir()
    unpack(
        gzip.decompress(
            blobs.path(import_layer(io.BytesIO(content), blobs).descriptor.digest).read_bytes()
        ),
        copy,
        IdMap(50),
    )
    assert listing(copy) == listing(tree)
    assert (copy / "big").stat().st_uid == 50


@needs_root
def test_a_stack_of_one_is_the_layer_itself(tree: Path) -> None:
    """Does walking one layer show all of it but its deletions?"""
    unpack(archive(file("a/b"), file(".wh.c")), tree)
    with trees.opened(tree) as root:
        assert [shown.node.path for shown in Stack([root]).walk()] == [b"a", b"a/b"]
