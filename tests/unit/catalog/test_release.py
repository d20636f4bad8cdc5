"""Tests of what is read from os-release."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.catalog.release import Release, read_release
from lab.errors import Unavailable

BOOKWORM = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
VERSION_ID="12"
VERSION_CODENAME=bookworm
ID=debian
"""


def test_release_of_debian(tmp_path: Path) -> None:
    """Is a Debian release known by name, number and processor?"""
    path = tmp_path / "os-release"
    path.write_text(BOOKWORM)
    assert Release("bookworm", "12", "amd64") == read_release(path, "x86_64")
    assert read_release(path, "aarch64").architecture == "arm64"


def test_testing_has_no_number(tmp_path: Path) -> None:
    """Is a release without a number accepted?"""
    path = tmp_path / "os-release"
    path.write_text("ID=debian\nVERSION_CODENAME='forky'\n")
    assert Release("forky", "", "amd64") == read_release(path, "x86_64")


@pytest.mark.parametrize(
    ("text", "machine", "said"),
    [
        ('ID=ubuntu\nPRETTY_NAME="Ubuntu 24.04"\nID_LIKE=debian\n', "x86_64", "Ubuntu 24.04"),
        ("# nothing\n", "x86_64", "an unknown system"),
        (BOOKWORM, "riscv64", "riscv64"),
        ("ID=debian\n", "x86_64", "does not name"),
        ('ID="debian\n', "x86_64", '"debian'),
    ],
)
def test_other_systems_are_refused(tmp_path: Path, text: str, machine: str, said: str) -> None:
    """Does the refusal name what this machine is, and what to do?"""
    path = tmp_path / "os-release"
    path.write_text(text)
    with pytest.raises(Unavailable, match=said) as caught:
        read_release(path, machine)
    assert "Debian" in caught.value.hint


def test_no_os_release_at_all(tmp_path: Path) -> None:
    """Is a machine without the file refused like any other that is not Debian?"""
    with pytest.raises(Unavailable, match="unknown system"):
        read_release(tmp_path / "absent", "x86_64")
