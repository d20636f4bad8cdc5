"""Tests of which packages are chosen, and in what order."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.catalog.deb import Package, parse_relations
from lab.catalog.resolver import PackageSet
from lab.errors import NotFound


def package(name: str, depends: str = "", pre: str = "", provides: str = "") -> Package:
    return Package(
        path=Path(f"{name}.deb"),
        name=name,
        version="1",
        is_required=name.startswith("essential"),
        provides=tuple(n for group in parse_relations(provides) for n in group),
        pre_depends=parse_relations(pre),
        depends=parse_relations(depends),
        built=0,
    )


def names(packages: list[Package]) -> list[str]:
    return [package.name for package in packages]


def test_dependencies_come_first() -> None:
    """Is a package installed after all that it needs, and what it needs early first of all?"""
    known = PackageSet([package("app", "lib", pre="early"), package("lib", "base"),
                        package("base"), package("early"), package("other")])  # fmt: skip
    assert names(known.closure(["app"])) == ["early", "base", "lib", "app"]


def test_circles_end() -> None:
    """Are packages that need each other chosen once?"""
    known = PackageSet([package("a", "b"), package("b", "c"), package("c", "a")])
    assert names(known.closure(["a", "b"])) == ["c", "b", "a"]


def test_what_is_installed_is_left_out() -> None:
    """Are the packages of the base image, and only those, not installed again?"""
    known = PackageSet([package("app", "lib"), package("lib", "base"), package("base")])
    assert names(known.closure(["app"], {"base"})) == ["lib", "app"]


def test_alternatives_that_were_downloaded() -> None:
    """Is the alternative chosen that is there, or the one that is chosen already?"""
    known = PackageSet([package("app", "absent | mawk"), package("mawk", provides="awk"),
                        package("gawk", provides="awk"), package("tool", "awk")])  # fmt: skip
    assert names(known.closure(["app"])) == ["mawk", "app"]
    assert names(known.closure(["mawk", "tool"])) == ["mawk", "tool"]
    assert names(known.closure(["tool"])) == ["gawk", "tool"], "the first of the names, always"


def test_virtual_package_that_is_installed() -> None:
    """Does a provider in the base image meet the need of a package on top of it?"""
    known = PackageSet([package("mawk", provides="awk"), package("gawk", provides="awk"),
                        package("tool", "awk")])  # fmt: skip
    assert names(known.closure(["tool"], {"mawk"})) == ["tool"]


def test_missing_dependency_is_named() -> None:
    """Does the error say which package needs what?"""
    known = PackageSet([package("app", "libone | libtwo")])
    with pytest.raises(NotFound, match=r"app needs libone \| libtwo"):
        known.closure(["app"])
    with pytest.raises(NotFound, match="nothing"):
        known.closure(["nothing"])


def test_required_packages() -> None:
    """Are required packages told from others?"""
    known = PackageSet([package("essential-b"), package("essential-a"), package("app")])
    assert known.required() == ["essential-a", "essential-b"]
