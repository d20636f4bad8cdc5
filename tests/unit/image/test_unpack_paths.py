"""Unpacking a layer whose names and links lead astray, or meet each other."""

from __future__ import annotations

import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.errors import InvalidParameter, UnsafePath

from .helpers import (
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


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/../evil", ".."])
def test_names_that_climb_out_are_refused(tree: Path, name: str) -> None:
    """Is `..` out of the root refused with the member's name, and nothing written?"""
    with pytest.raises(UnsafePath) as caught:
        unpack(archive(file(name, b"x")), tree)
    assert name in caught.value.message
    assert not (tree.parent / "evil").exists()


def test_links_lead_nowhere_outside(tree: Path, tmp_path: Path) -> None:
    """Do parents through absolute and climbing links stay inside the root?"""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    climb = "../" * 30
    unpack(
        archive(
            symlink("abs", str(outside)),
            symlink("rel", climb + str(outside).lstrip("/")),
            file("abs/one", b"1"),
            file("rel/two", b"2"),
        ),
        tree,
    )
    assert [path.name for path in outside.iterdir()] == ["secret"]
    inside = tree / str(outside).lstrip("/")
    assert sorted(path.name for path in inside.iterdir()) == ["one", "two"]


@pytest.mark.parametrize(
    "members",
    [
        [hardlink("h", "../outside/secret")],
        [symlink("l", "{outside}"), hardlink("h", "l/secret")],
        [symlink("l", "{outside}/secret"), hardlink("h", "l")],
        [hardlink("h", "{outside}/secret")],
        [hardlink("h", "missing")],
        [directory("d"), hardlink("h", "d")],
        [symlink("h", "x"), directory("d"), hardlink("h", "d")],
        [hardlink("h", "h")],
        [hardlink("h", ".")],
    ],
    ids=[
        "climb",
        "through link",
        "to link",
        "absolute",
        "missing",
        "directory",
        "directory over link",
        "self",
        "root",
    ],
)
def test_hard_links_cannot_reach_outside(
    tree: Path, tmp_path: Path, members: list[tarfile.TarInfo]
) -> None:
    """Is a hard link to anything but a file of this layer impossible?"""
    outside = tmp_path / "outside"
    outside.mkdir()
    secret = outside / "secret"
    secret.write_text("secret")
    for member in members:
        member.linkname = member.linkname.format(outside=outside)
    try:
        unpack(archive(*members), tree)
    except InvalidParameter:
        pass
    assert secret.stat().st_nlink == 1
    assert (tree / "h").is_symlink() or not (tree / "h").exists()


def test_a_link_to_a_directory_of_a_lower_layer_is_followed(tree: Path) -> None:
    """Is a member behind a link whose target this layer lacks put where the link points?"""
    unpack(archive(symlink("var/run", "../run/x"), file("var/run/pid", b"1")), tree)
    assert listing(tree)["run/x/pid"] == "file 1"
    assert listing(tree)["var/run"] == "-> ../run/x"


def test_looping_links_are_refused(tree: Path) -> None:
    """Do links that point at each other end in an error?"""
    with pytest.raises(InvalidParameter, match="symbolic links"):
        unpack(archive(symlink("a", "b"), symlink("b", "a"), file("a/f")), tree)


@pytest.mark.parametrize(
    "first",
    [file("x", b"old"), directory("x"), symlink("x", "/"), info("x", tarfile.FIFOTYPE)],
    ids=["file", "directory", "link", "fifo"],
)
@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (file("x", b"new"), "file new"),
        (symlink("x", "new"), "-> new"),
        (directory("x"), "directory"),
        (hardlink("x", "other"), "file other"),
        (info("x", tarfile.FIFOTYPE), "other"),
    ],
    ids=["file", "link", "directory", "hard link", "fifo"],
)
def test_later_members_replace_earlier_ones(
    tree: Path,
    first: tarfile.TarInfo,
    second: tarfile.TarInfo,
    kind: str,
) -> None:
    """Does the last member of a name win, whatever it and the earlier one are?"""
    content = archive(file("other", b"other"), first, file("between"), second)
    unpack(content, tree)
    assert listing(tree)["x"] == kind


def test_paths_lead_through_what_is_there_now(tree: Path) -> None:
    """If a directory is replaced by a link, do later members follow the link?"""
    unpack(
        archive(
            file("a/f", b"1"),
            directory("b"),
            symlink("a", "b"),
            file("a/g", b"2"),
            directory("c"),
            file("c/x"),
        ),
        tree,
    )
    assert listing(tree) == {
        "a": "-> b",
        "b": "directory",
        "b/g": "file 2",
        "c": "directory",
        "c/x": "file ",
    }


def test_two_directories_are_merged(tree: Path) -> None:
    """Does a repeated directory keep its content and get the later mode?"""
    unpack(archive(directory("d"), file("d/f"), directory("d", mode=0o700, mtime=5)), tree)
    assert listing(tree) == {"d": "directory", "d/f": "file "}
    assert stat.S_IMODE((tree / "d").stat().st_mode) == 0o700
    assert (tree / "d").stat().st_mtime == 5


def test_a_file_in_the_way_of_a_directory_is_an_error(tree: Path) -> None:
    """Is a member below a file refused, naming the member?"""
    with pytest.raises(InvalidParameter, match="f/x"):
        unpack(archive(file("f"), file("f/x")), tree)


def test_names_too_long_for_the_kernel_are_refused(tree: Path) -> None:
    """Is a name that no file system takes the archive's fault?"""
    with pytest.raises(InvalidParameter, match="too long"):
        unpack(archive(file("a" * 300)), tree)
    with pytest.raises(InvalidParameter, match="too long"):
        unpack(archive(file("/".join(["abcdefg"] * 700))), tree)


parts = st.sampled_from(["a", "b", "..", ".", "l", ".wh.a", ".wh..wh..opq"])


some_paths = st.lists(parts, min_size=1, max_size=4).map("/".join)


some_members = st.one_of(
    some_paths.map(lambda name: file(name, b"x")),
    some_paths.map(directory),
    st.tuples(some_paths, some_paths).map(lambda pair: hardlink(*pair)),
    st.tuples(some_paths, some_paths).map(lambda pair: symlink(*pair)),
    some_paths.map(lambda target: symlink("l", "/" + target)),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(some_members, max_size=8))
def test_no_archive_touches_anything_outside(
    tmp_path_factory: pytest.TempPathFactory, members: list[tarfile.TarInfo]
) -> None:
    """Whatever names and links an archive mixes, does the folder around the root stay as it was?"""
    around = tmp_path_factory.mktemp("around")
    (around / "a").write_text("mine")
    (around / "b").mkdir()
    root = around / "root"
    root.mkdir()
    try:
        unpack(archive(*members), root, compress=False)
    except InvalidParameter:
        pass
    assert sorted(path.name for path in around.iterdir()) == ["a", "b", "root"]
    assert ((around / "a").read_text(), (around / "a").stat().st_nlink) == ("mine", 1)
    assert not list((around / "b").iterdir())
