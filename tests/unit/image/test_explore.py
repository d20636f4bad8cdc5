"""Looking into layers, archives and upper directories alike."""

from __future__ import annotations

import gzip
import io
import os
import stat
from pathlib import Path

import pytest

from lab.errors import InvalidParameter, UnsafePath
from lab.image.layer import LayerEntry, layer_entries
from lab.kernel.trees import OPAQUE

from .helpers import archive, directory, file, hardlink, needs_root, symlink

CONTENT = archive(
    directory("./etc/", mode=0o750),
    file("etc/conf", b"1234", mode=0o4755),
    symlink("etc/link", "conf"),
    hardlink("etc/zz", "./etc/conf"),
    file("etc/.wh.gone"),
    directory("var"),
    file("var/.wh..wh..opq"),
)
ENTRIES = [
    LayerEntry("/etc", "directory", 0, 0o750),
    LayerEntry("/etc/conf", "file", 4, 0o4755),
    LayerEntry("/etc/gone", "whiteout"),
    LayerEntry("/etc/link", "symlink", 0, 0o777, "conf"),
    LayerEntry("/etc/zz", "hardlink", 0, 0o4755, "/etc/conf"),
    LayerEntry("/var", "directory", 0, 0o755),
    LayerEntry("/var", "opaque"),
]


def by_path(entry: LayerEntry) -> tuple[str, str]:
    return (entry.path, entry.kind)


@pytest.mark.parametrize("compress", [True, False])
def test_entries_of_an_archive(compress: bool) -> None:
    """Are the entries of a layer told, deletions as such?"""
    blob = gzip.compress(CONTENT) if compress else CONTENT
    found = sorted(layer_entries(io.BytesIO(blob)), key=by_path)
    assert [entry for entry in found if entry.kind not in ("symlink", "hardlink")] == [
        entry for entry in ENTRIES if entry.kind not in ("symlink", "hardlink")
    ]
    assert [(entry.path, entry.link) for entry in found if entry.link] == [
        ("/etc/link", "conf"),
        ("/etc/zz", "/etc/conf"),
    ]


@needs_root
def test_entries_of_an_upper_directory(tree: Path) -> None:
    """Are the entries of a directory told in the same words?"""
    (tree / "etc").mkdir()
    (tree / "etc").chmod(0o750)
    (tree / "etc/conf").write_text("1234")
    (tree / "etc/conf").chmod(0o4755)
    os.symlink("conf", tree / "etc/link")
    os.link(tree / "etc/conf", tree / "etc/zz")
    os.mknod(tree / "etc/gone", stat.S_IFCHR, 0)
    (tree / "var").mkdir()
    (tree / "var").chmod(0o755)
    os.setxattr(tree / "var", OPAQUE, b"y")
    assert list(layer_entries(tree)) == ENTRIES


def test_names_that_are_no_text_are_shown(tree: Path) -> None:
    """Can every name be put into JSON?"""
    (tree / os.fsdecode(b"\xff")).touch()
    [entry] = layer_entries(tree)
    assert entry.path.encode() == "/�".encode()


def test_malformed_layers_are_refused() -> None:
    """Do garbage and climbing names end in the usual errors?"""
    with pytest.raises(InvalidParameter):
        list(layer_entries(io.BytesIO(b"x" * 600)))
    with pytest.raises(UnsafePath):
        list(layer_entries(io.BytesIO(archive(file("../x")))))
