"""Tests of trees: what is read is what was written, and layers lie on each other."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.catalog.tree import Scratch, Tree, archive, read_folder, read_tree
from lab.errors import InvalidParameter, UnsafePath
from lab.image.tar import Kind
from lab.image.tar_reader import TarReader

from .helpers import shown


def again(tree: Tree, scratch: Scratch | None = None) -> Tree:
    return read_tree(TarReader(archive(tree)), scratch)


def test_scratch_keeps_contents(tmp_path: Path) -> None:
    """Do files come back whole from scratch, and does nothing stay behind in the folder?"""
    tree = Tree()
    tree.file("a/big", b"0123456789" * 300_000)
    tree.file("b", b"small")
    tree.file("empty", b"")
    scratch = Scratch(tmp_path)
    copy = again(tree, scratch)
    assert shown(tree) == shown(copy)
    assert b"".join(archive(tree)) == b"".join(archive(copy))
    scratch.close()
    assert not list(tmp_path.iterdir())


def test_tar_of_python_is_read() -> None:
    """Is an archive that another program wrote read, with owners, modes and hard links?"""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind, link in [
            ("./z", tarfile.REGTYPE, ""),
            ("./a", tarfile.LNKTYPE, "./z"),
            ("./m", tarfile.LNKTYPE, "z"),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode, info.uid = kind, link, 0o4755, 7
            info.size = 3 if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"abc"))
    tree = read_tree(TarReader(iter([buffer.getvalue()])))
    assert Kind.FILE is tree.nodes[b"a"].member.kind, "the first name has the file"
    link = tree.nodes[b"z"].member
    assert (link.kind, link.link) == (Kind.HARDLINK, b"a")
    assert {0o4755} == {node.member.mode for node in tree.nodes.values()}, "links too"
    assert {7} == {node.member.uid for node in tree.nodes.values()}
    assert {"abc"} == set(shown(tree).values())
    assert shown(tree) == shown(again(tree))


def test_link_to_nothing() -> None:
    """Is a hard link without its file an error that names it?"""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("lost")
        info.type, info.linkname = tarfile.LNKTYPE, "nowhere"
        tar.addfile(info)
    with pytest.raises(InvalidParameter, match="lost is a link to nothing: nowhere"):
        read_tree(TarReader(iter([buffer.getvalue()])))


def test_names_that_climb_out() -> None:
    """Is a member refused that leads out of the archive?"""
    tree = Tree()
    tree.file("../up", b"")
    with pytest.raises(UnsafePath):
        again(tree)


def test_whiteouts_hide_what_is_below() -> None:
    """Does a layer hide files and whole folders, and show its own?"""
    base, layer = Tree(), Tree()
    for path in ("etc/a", "etc/b", "var/x/y", "var/xy"):
        base.file(path, path.encode())
    layer.file("etc/.wh.a", b"")
    layer.file("var/.wh.x", b"")
    layer.file("etc/c", b"new")
    assert shown(base.with_layer(layer)) == {
        "etc": "/",
        "etc/b": "etc/b",
        "etc/c": "new",
        "var": "/",
        "var/xy": "var/xy",
    }


def test_dates() -> None:
    """Are later times set back, and earlier ones kept?"""
    tree = Tree()
    tree.file("old", b"")
    tree = tree.dated(100)
    tree.file("new", b"")
    tree.nodes[b"new"] = tree.dated(300).nodes[b"new"]
    limited = tree.not_later_than(200)
    times = {path: node.member.mtime_ns // 10**9 for path, node in limited.nodes.items()}
    assert times == {b"old": 100, b"new": 200}


def test_folder_of_the_host(tmp_path: Path) -> None:
    """Are files taken with root as owner, and scripts executable whatever the checkout says?"""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/conf").write_text("x")
    (tmp_path / "run").write_text("#!/bin/sh\n")
    (tmp_path / "run").chmod(0o600)
    tree = read_folder(tmp_path)
    modes = {path: node.member.mode for path, node in tree.nodes.items()}
    assert modes == {b"etc": 0o755, b"etc/conf": 0o644, b"run": 0o755}
    assert {(0, 0)} == {(node.member.uid, node.member.gid) for node in tree.nodes.values()}


PARTS = st.text(st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]),
                min_size=1, max_size=60).filter(lambda part: part not in (".", ".."))  # fmt: skip
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


@given(st.dictionaries(PATHS, st.binary(max_size=600), max_size=6))
def test_round_trip(files: dict[str, bytes]) -> None:
    """Do any names and contents survive being written and read?"""
    tree = Tree()
    for path, content in files.items():
        if not any(other.startswith(path + "/") for other in files):
            tree.file(path, content)
    copy = again(tree)
    assert sorted(tree.nodes) == sorted(copy.nodes)
    assert b"".join(archive(tree)) == b"".join(archive(copy))
    assert tree.size == copy.size
