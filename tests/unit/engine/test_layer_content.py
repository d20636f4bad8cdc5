"""The content of a file before and after a layer: whiteouts, links, limits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.engine.changed_files import fingerprint
from lab.engine.layer_content import MAX_BYTES, Content, content_change
from lab.errors import InvalidParameter, NotFound
from lab.kernel.trees import OPAQUE


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, list[Path]]:
    """An upper layer upon two lower ones; the upper one of them deletes /etc/gone."""
    upper, middle, base = (tmp_path / name for name in ("upper", "middle", "base"))
    for layer in (upper, middle, base):
        (layer / "etc").mkdir(parents=True)
    (base / "etc/motd").write_text("base\n")
    (base / "etc/gone").write_text("old\n")
    (middle / "etc/hosts").write_text("middle\n")
    return upper, [middle, base]


def whiteout(path: Path) -> None:
    try:
        os.mknod(path, 0o020000, 0)
    except PermissionError:
        pytest.skip("only root may make a whiteout here")


def text(content: Content | None) -> str | None:
    return content.text if content else None


def test_added_changed_deleted(layers: tuple[Path, list[Path]]) -> None:
    """Is the nearest lower layer's file the one before, and nothing where there is nothing?"""
    upper, lowers = layers
    (upper / "etc/motd").write_text("mine\n")
    (upper / "etc/new").write_text("new\n")
    changed = content_change(upper, lowers, "/etc/motd")
    assert (text(changed.before), text(changed.after)) == ("base\n", "mine\n")
    added = content_change(upper, lowers, "/etc/new")
    assert (added.before, text(added.after)) == (None, "new\n")
    with pytest.raises(NotFound):
        content_change(upper, lowers, "/etc/hosts")


def test_whiteouts(layers: tuple[Path, list[Path]]) -> None:
    """Does a whiteout delete what is below, and hide what a deeper layer has?"""
    upper, lowers = layers
    whiteout(upper / "etc/motd")
    whiteout(lowers[0] / "etc/gone")
    (upper / "etc/gone").write_text("again\n")
    deleted = content_change(upper, lowers, "/etc/motd")
    assert (text(deleted.before), deleted.after) == ("base\n", None)
    again = content_change(upper, lowers, "/etc/gone")
    assert (again.before, text(again.after)) == (None, "again\n")


def test_an_opaque_folder_hides(layers: tuple[Path, list[Path]]) -> None:
    """Is nothing below an opaque folder what was there before?"""
    upper, lowers = layers
    (upper / "etc/motd").write_text("mine\n")
    try:
        os.setxattr(lowers[0] / "etc", OPAQUE, b"y")
    except OSError:
        pytest.skip("this file system has no attributes of users")
    assert content_change(upper, lowers, "/etc/motd").before is None


def test_no_link_is_followed(layers: tuple[Path, list[Path]], tmp_path: Path) -> None:
    """Is a link told as a link, and nothing behind one ever read?"""
    upper, lowers = layers
    (tmp_path / "secret").write_text("secret\n")
    (upper / "etc/link").symlink_to(tmp_path / "secret")
    (upper / "folder").symlink_to(tmp_path)
    link = content_change(upper, lowers, "/etc/link").after
    assert link is not None
    assert (link.kind, link.text) == ("symlink", str(tmp_path / "secret"))
    with pytest.raises(NotFound):
        content_change(upper, lowers, "/folder/secret")


@pytest.mark.parametrize("path", ["etc/motd", "/", "", "/etc/../motd", "/./etc"])
def test_paths_that_are_none(layers: tuple[Path, list[Path]], path: str) -> None:
    """Is a path that names no file refused?"""
    upper, lowers = layers
    with pytest.raises(InvalidParameter):
        content_change(upper, lowers, path)


def test_limits(layers: tuple[Path, list[Path]]) -> None:
    """Is a long file cut, between characters, and a binary one or a pipe not shown?"""
    upper, lowers = layers
    (upper / "long").write_text("x" + "é" * MAX_BYTES)
    (upper / "binary").write_bytes(b"\0\1")
    (upper / "latin").write_bytes(b"caf\xe9 noir")
    os.mkfifo(upper / "pipe")
    found = content_change(upper, lowers, "/long").after
    assert found is not None
    assert found.text == "x" + "é" * ((MAX_BYTES - 1) // 2)
    assert (found.truncated, found.size) == (True, 1 + 2 * MAX_BYTES)
    for name in ("binary", "latin", "pipe"):
        after = content_change(upper, lowers, f"/{name}").after
        assert after is not None
        assert after.text is None


def test_marks_tell_what_was_written(tmp_path: Path) -> None:
    """Are new, rewritten and removed paths told, and folders only when they come or go?"""
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("1")
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before
    (tmp_path / "a").write_text("2")
    (tmp_path / "b").unlink()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "c").write_text("1")
    after = fingerprint(tmp_path)
    assert after.digest != before.digest
    assert after.differences(before) == ["/a", "/b", "/d", "/d/c"]
