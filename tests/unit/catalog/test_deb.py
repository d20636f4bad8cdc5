"""Tests of reading Debian package files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.catalog.deb import Package, files_of, parse_control, parse_relations, read_package
from lab.errors import InvalidParameter

from .helpers import BUILT, stanza, write_deb


@pytest.mark.parametrize("extension", ["xz", "gz"])
def test_control_fields(tmp_path: Path, extension: str) -> None:
    """Are name, version, dependencies and date of a package read?"""
    text = stanza(
        "bash",
        "5.2.15-2+b13",
        essential="yes",
        pre_depends="libc6 (>= 2.36), libtinfo6 (>= 6)",
        depends="base-files (>= 2.1.12),\n debianutils | which",
        provides="shell (= 1)",
        description="a shell\n that reads: commands",
    )
    package = read_package(write_deb(tmp_path, text, extension=extension))
    assert (package.name, package.version, package.built) == ("bash", "5.2.15-2+b13", BUILT)
    assert package.is_required
    assert package.pre_depends == (("libc6",), ("libtinfo6",))
    assert package.depends == (("base-files",), ("debianutils", "which"))
    assert package.provides == ("shell",)


def test_files_are_listed(tmp_path: Path) -> None:
    """Does the archive of files hold what was packed?"""
    path = write_deb(tmp_path, stanza("a"), {"bin/a": "program"})
    assert [member.name for member in files_of(path)] == [b"bin/", b"bin/a"]


@pytest.mark.parametrize(
    ("version", "upstream"),
    [
        ("1.22.1-9+deb12u1", "1.22.1"),
        ("1:1.35.0-4+deb12u1+b1", "1.35.0"),
        ("12.4+deb12u15", "12.4"),
        ("5:7.0.15-1~deb12u1", "7.0.15"),
        ("3.0.0~rc1+dfsg-1", "3.0.0"),
    ],
)
def test_upstream_version(version: str, upstream: str) -> None:
    """Is the version that people know a program by taken out of Debian's?"""
    package = Package(Path(), "p", version, False, (), (), (), 0)
    assert upstream == package.upstream_version


@pytest.mark.parametrize("size", [0, 4, 30, 100, 180, 300])
def test_truncated_package(tmp_path: Path, size: int) -> None:
    """Is a package that is cut short refused with its name?"""
    path = write_deb(tmp_path, stanza("a"), {"bin/a": "program"})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InvalidParameter, match="a_1_amd64"):
        list(files_of(path))


def test_package_without_name(tmp_path: Path) -> None:
    """Is a control file without a name refused?"""
    with pytest.raises(InvalidParameter, match="no name"):
        read_package(write_deb(tmp_path, "Version: 1\n"))


def test_size_of_a_member_that_is_no_number(tmp_path: Path) -> None:
    """Is a malformed header an error and no crash?"""
    path = write_deb(tmp_path, stanza("a"))
    content = path.read_bytes()
    path.write_bytes(content[:56] + b"x" * 10 + content[66:])
    with pytest.raises(InvalidParameter, match="malformed"):
        read_package(path)


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    """Do odd control files give odd fields, but no crash?"""
    for value in parse_control(text).values():
        for alternatives in parse_relations(value):
            assert all(name and name in value for name in alternatives)


NAMES = st.text("abz019+.-", min_size=1, max_size=6).map(lambda rest: f"p{rest}")


@given(
    st.lists(st.lists(st.tuples(NAMES, st.sampled_from(["", " (>= 1:2~3)", ":any"])), min_size=1))
)
def test_relations_round_trip(groups: list[list[tuple[str, str]]]) -> None:
    """Do names come back in their groups, whatever stands behind them?"""
    text = ", ".join(" | ".join(name + rest for name, rest in group) for group in groups)
    wanted = tuple(tuple(name for name, _ in group) for group in groups)
    assert wanted == parse_relations(text)
