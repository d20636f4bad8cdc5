"""Tests of QEMU's unpacking, with programs and packages of the test's own."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from lab.errors import Unavailable
from lab.microvm import qemu_package
from lab.microvm.packages import Packages
from lab.sandbox.vm.parts import Emulator, Parts, emulator_name
from tests.unit.microvm.helpers import write_package


def script(path: Path, text: str) -> Emulator:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Emulator(str(path))


def test_emulator_that_works_is_accepted(tmp_path: Path) -> None:
    """Is a QEMU asked to start a machine, and to end it?"""
    text = f'echo "$@" > {tmp_path}/said; read -r line; [ "$line" = quit ]'
    assert qemu_package.check(script(tmp_path / "qemu", text)) == ""
    assert "-accel tcg" in (tmp_path / "said").read_text()


def test_emulator_that_fails_says_why(tmp_path: Path) -> None:
    """Is what QEMU says given on, and its silence too?"""
    failing = script(tmp_path / "qemu", "echo 'no such firmware' >&2; exit 1")
    assert qemu_package.check(failing) == "no such firmware"
    assert qemu_package.check(script(tmp_path / "qemu", "exit 3")) == "exit code 3"
    assert "missing" in qemu_package.check(Emulator(str(tmp_path / "missing")))


def test_emulator_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a QEMU that never answers given up after a while?"""
    monkeypatch.setattr(qemu_package, "_LIMIT", 0.2)
    assert "timed out" in qemu_package.check(script(tmp_path / "qemu", "exec sleep 60"))


def test_only_what_qemu_loads_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are program, module and firmware unpacked, and of the libraries those that it needs?"""
    triplet = "usr/lib/x86_64-linux-gnu"
    asked: dict[str, Path] = {"libused.so.1": tmp_path / "q/lib/libused.so.1"}
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(qemu_package, "libraries_of", lambda *arguments: asked)
    packages = [
        write_package(
            tmp_path,
            "qemu-system-x86_1.deb",
            {
                "usr/bin/qemu-system-x86_64": b"program",
                "usr/bin/qemu-system-x86_64-microvm": b"",
                f"{triplet}/qemu/accel-tcg-x86_64.so": b"module",
                f"{triplet}/qemu/ui-gtk.so": b"",
                "usr/share/qemu/qboot.rom": b"rom",
                "usr/share/qemu/slof.bin": b"",
            },
        ),
        write_package(
            tmp_path,
            "libused1_1.deb",
            {f"{triplet}/libused.so.1.2": b"used", f"{triplet}/libunused.so.3": b""},
            {f"{triplet}/libused.so.1": "libused.so.1.2", f"{triplet}/libevil.so": "/etc/passwd"},
        ),
        write_package(tmp_path, "libc6_2_amd64.deb", {f"{triplet}/libused.so.1": b"never"}),
    ]
    folder = tmp_path / "q"
    folder.mkdir()
    qemu_package.unpack(packages, folder)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    assert files == {
        "bin/qemu-system-x86_64",
        "lib/libused.so.1",
        "lib/libused.so.1.2",
        "modules/accel-tcg-x86_64.so",
        "share/qboot.rom",
    }
    assert (folder / "lib/libused.so.1").read_bytes() == b"used"
    assert Parts.emulator_in(folder).program == str(folder / "bin/qemu-system-x86_64")


def test_packages_without_qemu_are_refused(tmp_path: Path) -> None:
    """Is it said that a program is missing from the packages?"""
    (tmp_path / "q").mkdir()
    with pytest.raises(Unavailable, match=emulator_name()):
        qemu_package.unpack([], tmp_path / "q")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    """Packages as apt would have downloaded them; what was asked for is in `asked`."""
    from lab.catalog.release import Release
    from lab.microvm import packages as module

    files = [
        write_package(tmp_path, "linux-image-amd64_6_amd64.deb", {}),
        write_package(tmp_path, "linux-image-6.1.0-9-amd64_6_amd64.deb", {}),
        write_package(
            tmp_path,
            "libseccomp2_2_amd64.deb",
            {"usr/lib/x86_64-linux-gnu/libseccomp.so.2.5": b"library"},
            {"usr/lib/x86_64-linux-gnu/libseccomp.so.2": "libseccomp.so.2.5"},
        ),
    ]
    asked: list[list[str]] = []

    def fetch(wanted: list[str], *_: object) -> list[Path]:
        asked.append(wanted)
        return files

    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(module, "read_release", lambda: Release("bookworm", "12", "amd64"))
    monkeypatch.setattr(module, "fetch_packages", fetch)
    made = Packages(tmp_path / "cache", True, lambda part: None)
    made.asked = asked  # type: ignore[attr-defined]
    return made


def test_packages_are_downloaded_once(packages: Packages) -> None:
    """Is everything asked for in one go, and the kernel told from the package that names it?"""
    assert packages.kernel().name == "linux-image-6.1.0-9-amd64_6_amd64.deb"
    assert packages.kernel() == packages.find(r"linux-image-\d")
    (wanted,) = packages.asked  # type: ignore[attr-defined]
    assert {"linux-image-amd64", "busybox-static", "qemu-system-x86"} <= set(wanted)
    with pytest.raises(Unavailable):
        packages.find("other_")


def test_library_is_taken_from_its_package(packages: Packages, tmp_path: Path) -> None:
    """Is a library that the machine lacks unpacked, under the name that is asked for?"""
    found = packages.library("libseccomp.so.2", tmp_path)
    assert found == tmp_path / "libseccomp.so.2"
    assert found.read_bytes() == b"library"


@pytest.mark.skipif(shutil.which(emulator_name()) is None, reason="this machine has no QEMU")
def test_machines_own_emulator_works() -> None:
    """Does the machine's own QEMU pass the check?"""
    assert qemu_package.check(Emulator(shutil.which(emulator_name()) or sys.executable)) == ""
