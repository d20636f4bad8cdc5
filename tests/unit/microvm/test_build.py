"""Tests of the whole making: what is made, when it is made again, and what a failure leaves."""

from __future__ import annotations

import errno
import os
import platform
import stat
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from lab.catalog.layout import LayoutWriter
from lab.catalog.tree import Tree, archive
from lab.errors import Unavailable
from lab.microvm import build, python, qemu_package, system
from lab.oci.image_config import ImageConfig
from lab.sandbox.vm.modules import FOLDER
from lab.sandbox.vm.parts import Parts, emulator_name, image_id
from tests.unit.microvm.helpers import ELF, kernel_files, write_package
from tests.unit.sandbox.vm.erofs_reader import read_image

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="packages for x86_64")


class FakePackages:
    """Packages as they would have been downloaded; `downloads` counts how often."""

    downloads = 0
    folder = Path()
    unavailable = ""

    def __init__(self, cache: Path, with_qemu: bool, report: object) -> None:
        self._with_qemu = with_qemu

    def all(self) -> list[Path]:
        if self.unavailable:
            raise Unavailable(self.unavailable)
        type(self).downloads += 1
        files = [self.kernel(), self.find("busybox-static_")]
        if self._with_qemu:
            program = f"usr/bin/{emulator_name()}"
            script = b"#!/bin/sh\nread -r line\n"
            files.append(write_package(self.folder, "qemu_1.deb", {program: script}))
        return files

    def kernel(self) -> Path:
        if self.unavailable:
            raise Unavailable(self.unavailable)
        return write_package(self.folder, "linux-image-6.1.0-lab_1.deb", kernel_files())

    def find(self, pattern: str) -> Path:
        return write_package(self.folder, f"{pattern}1.deb", {"bin/busybox": b"busybox"})

    def library(self, name: str, folder: Path) -> Path:
        raise AssertionError(name)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> build.Place:
    """A place without QEMU, with a few modules of Python."""
    packages = tmp_path / "packages"
    packages.mkdir()
    fake = type("Packages", (FakePackages,), {"folder": packages, "downloads": 0})
    library = python.read_interpreter().library
    few = [(name, library / name) for name in ("os.py", "abc.py", "LICENSE.md")]
    monkeypatch.setattr(
        system, "library_files", lambda interpreter: (each for each in few if each[1].is_file())
    )
    small = {"aiosignal": metadata.distribution("aiosignal")}
    monkeypatch.setattr(system, "distributions", lambda: small)
    monkeypatch.setattr(build, "Packages", fake)
    monkeypatch.setattr(qemu_package, "libraries_of", lambda *arguments: {})
    return build.Place(Parts(tmp_path / "vm"), tmp_path / "cache", "")


def prepare(place: build.Place) -> bool:
    return build.prepare(place, lambda step, part: None)


def names(place: build.Place) -> set[str]:
    return set(os.listdir(place.parts.folder))


def test_all_parts_are_made(place: build.Place) -> None:
    """Are kernel, initramfs, system and QEMU there, and does the stamp say of what?"""
    assert prepare(place)
    parts = place.parts
    assert names(place) == {".lock", "vmlinux", "initramfs", "system.erofs", "qemu", "stamp.json"}
    assert parts.kernel.read_bytes() == ELF + b"kernel"
    stamp = parts.read_stamp()
    assert (stamp.kernel, stamp.python) == ("6.1.0-lab", platform.python_version())
    assert stamp.distributions["aiohttp"]
    assert parts.whats_wrong() == ""
    assert Path(parts.emulator("").program).is_file()


def test_system_disk_is_a_root(place: build.Place) -> None:
    """Has the guest's root Python, compiled modules, libraries, and places for the other disks?"""
    prepare(place)
    found = read_image(place.parts.system)
    interpreter = python.read_interpreter()
    program = found[interpreter.guest_program.strip("/")]
    assert (stat.S_IMODE(program.mode), program.content[:4]) == (0o755, b"\x7fELF")
    library = interpreter.guest_library.strip("/")
    packages = interpreter.packages.strip("/")
    assert f"{library}/os.pyc" in found
    assert f"{library}/os.py" not in found
    assert f"{packages}/aiosignal/__init__.pyc" in found
    libraries = {name.rpartition("/")[2]: name for name in found if ".so." in name}
    assert {"libc.so.6", "libseccomp.so.2"} <= set(libraries)
    assert libraries["libc.so.6"].startswith("usr/")
    assert found["lib"].content == b"usr/lib"
    assert all(stat.S_ISDIR(found[name].mode) for name in ("program", "catalog", "data", "host"))
    assert stat.S_IMODE(found["tmp"].mode) == 0o1777
    modules = sorted(name for name in found if name.startswith(FOLDER.strip("/") + "/"))
    assert [name.rpartition("/")[2] for name in modules] == [
        "00-9pnet_virtio.ko",
        "01-jbd2.ko",
        "02-ext4.ko",
    ]


def test_second_time_has_nothing_to_do(place: build.Place) -> None:
    """Is nothing downloaded or written when all is there?"""
    prepare(place)
    before = {path: path.stat().st_mtime_ns for path in place.parts.folder.iterdir()}
    assert not prepare(place)
    after = {path: path.stat().st_mtime_ns for path in place.parts.folder.iterdir()}
    assert before == after


def test_damaged_part_is_made_again(place: build.Place) -> None:
    """Is a part that was cut short made anew, and QEMU if it is gone?"""
    prepare(place)
    identity = image_id(place.parts.system)
    place.parts.system.write_bytes(b"cut")
    assert prepare(place)
    assert image_id(place.parts.system) == identity != b""
    (place.parts.qemu / "bin" / emulator_name()).unlink()
    assert prepare(place)
    assert place.parts.whats_wrong() == ""


def test_other_requirements_make_another_system(
    place: build.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is the system disk stale as soon as what it is made from is of another version?"""
    prepare(place)
    identity = image_id(place.parts.system)
    monkeypatch.setattr(build, "_distributions", lambda: {"aiohttp": "99"})
    assert prepare(place)
    assert image_id(place.parts.system) != identity
    assert place.parts.read_stamp().distributions == {"aiohttp": "99"}


def test_machines_own_qemu_is_enough(place: build.Place, tmp_path: Path) -> None:
    """Is a QEMU on PATH used if it works, with none unpacked, and replaced if it does not?"""
    program = tmp_path / "bin" / emulator_name()
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nread -r line\n")
    program.chmod(0o755)
    with_qemu = build.Place(place.parts, place.cache, str(program.parent))
    prepare(with_qemu)
    assert "qemu" not in names(place)
    assert place.parts.emulator(str(program.parent)).program == str(program)
    program.write_text("#!/bin/sh\nexit 1\n")
    assert prepare(with_qemu)
    assert "qemu" in names(place)


def test_failure_leaves_what_was_there(place: build.Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do the old parts stay usable when the new ones cannot be had, with nothing half done?"""
    prepare(place)
    before = names(place)
    monkeypatch.setattr(build, "_distributions", lambda: {"aiohttp": "99"})
    monkeypatch.setattr(FakePackages, "unavailable", "there is no apt-get here")
    with pytest.raises(Unavailable, match="no apt-get"):
        prepare(place)
    assert names(place) == before
    assert place.parts.whats_wrong() == ""


def test_full_disk_is_said(place: build.Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does a full disk end with a sentence that says how much room is needed?"""

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(system, "write_system", full)
    with pytest.raises(Unavailable, match="no space left on device"):
        prepare(place)
    assert names(place) == {".lock"}


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    yield write_catalog(tmp_path / "catalog", b"one")


def write_catalog(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    tree = Tree()
    tree.file("file", content)
    layout = LayoutWriter(folder)
    layer = layout.add_layer(list(archive(tree)))
    config = ImageConfig("amd64", "linux", diff_ids=(layer.diff_id,))
    layout.add_image(config, [layer.descriptor], ["image:latest"], {})
    layout.finish()
    return folder


def test_catalog_disk_follows_the_catalog(
    place: build.Place, catalog: Path, tmp_path: Path
) -> None:
    """Is the disk made when there is none or the catalog is another, and else left alone?"""

    def made(folder: Path) -> bool:
        return build.prepare_catalog(place, folder, lambda step, part: None)

    assert made(catalog)
    assert place.parts.has_catalog()
    assert not made(catalog)
    identity = image_id(place.parts.catalog)
    assert made(write_catalog(tmp_path / "other", b"two"))
    assert image_id(place.parts.catalog) != identity
    files = [node for name, node in read_image(place.parts.catalog).items() if "/fs/" in name]
    assert [node.content for node in files] == [b"two"]
    place.parts.catalog.write_bytes(b"")
    assert not place.parts.has_catalog()
    assert made(catalog)


def test_groups_do_not_forget_each_other(place: build.Place, catalog: Path) -> None:
    """Does the stamp still know of the guest when the catalog has been made after it?"""
    prepare(place)
    build.prepare_catalog(place, catalog, lambda step, part: None)
    stamp = place.parts.read_stamp()
    assert set(stamp.made_of) == {"guest", "qemu", "catalog"}
    assert not prepare(place)
    assert place.parts.whats_wrong() == ""
