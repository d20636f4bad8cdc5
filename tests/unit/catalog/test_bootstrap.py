"""Tests of the first file system."""

from __future__ import annotations

from pathlib import Path

from lab.catalog.bootstrap import PathFilter, bootstrap, skeleton
from lab.catalog.deb import read_package
from lab.catalog.steps import FILES
from lab.catalog.tree import Tree, read_tree
from lab.image.tar_reader import TarReader

from .helpers import shown, stanza, write_deb


def check_names(chunks: list[bytes]) -> None:
    """Engines refuse an archive in which a name comes twice."""
    names = [member.name.rstrip(b"/") for member in TarReader(iter(chunks))]
    assert len(names) == len(set(names))


def test_old_places_lead_into_usr(tmp_path: Path) -> None:
    """Do `/bin/sh` and `/usr/bin/env` of two packages end up in one folder, without repetition?"""
    first = read_package(write_deb(tmp_path, stanza("a"), {"bin/sh": "sh", "lib64/ld": "ld"}))
    second = read_package(write_deb(tmp_path, stanza("b"), {"usr/bin/env": "env", "bin/sh": "2"},
                                    links={"lib": "usr/lib"}))  # fmt: skip
    chunks = list(bootstrap([first, second], skeleton("amd64"), PathFilter("")))
    check_names(chunks)
    tree = shown(read_tree(TarReader(iter(chunks))))
    assert (tree["usr/bin/sh"], tree["usr/bin/env"], tree["usr/lib64/ld"]) == ("sh", "env", "ld")
    assert (tree["bin"], tree["lib"]) == ("-> usr/bin", "-> usr/lib")
    assert not [path for path in tree if path.startswith(("bin/", "lib64/"))]


def test_start_comes_first(tmp_path: Path) -> None:
    """Are files that are there from the start not replaced by a package's?"""
    package = read_package(write_deb(tmp_path, stanza("a"), {"etc/apt/sources.list": "theirs"}))
    start = Tree()
    start.file("etc/apt/sources.list", b"ours")
    tree = read_tree(TarReader(bootstrap([package], start, PathFilter(""))))
    assert shown(tree)["etc/apt/sources.list"] == "ours"


def test_path_filter_of_the_image() -> None:
    """Does the image's own setting leave out documentation, and keep licences?"""
    settings = (FILES / "debian/etc/dpkg/dpkg.cfg.d/container").read_text()
    path_filter = PathFilter(settings)
    kept = [
        path
        for path in (
            "/usr/share/doc/bash/README",
            "/usr/share/doc/bash/copyright",
            "/usr/share/man/man1/bash.1.gz",
            "/usr/share/locale/ko/LC_MESSAGES/bash.mo",
            "/usr/share/locale/locale.alias",
            "/usr/bin/man",
        )
        if path_filter.keeps(path)
    ]
    assert kept == [
        "/usr/share/doc/bash/copyright",
        "/usr/share/locale/locale.alias",
        "/usr/bin/man",
    ]


def test_arm_has_no_lib64() -> None:
    """Is the link that only x86-64 has made only there?"""
    assert ("lib64" in shown(skeleton("amd64")), "lib64" in shown(skeleton("arm64"))) == (
        True,
        False,
    )
