"""Tests of the kernel's unpacking, and of the initramfs."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import stat
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.catalog.tree import Scratch, pieces
from lab.errors import InvalidParameter, Unavailable
from lab.microvm import initramfs, kernel
from lab.microvm import plain as plain_module
from lab.microvm.plain import plain
from tests.unit.microvm.helpers import (
    ELF,
    bzimage,
    kernel_files,
    module,
    write_package,
)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    made = Scratch(tmp_path)
    yield made
    made.close()


@pytest.fixture
def unpacked(tmp_path: Path, scratch: Scratch) -> kernel.Kernel:
    package = write_package(tmp_path, "linux-image-6.1.0-lab_1_amd64.deb", kernel_files())
    return kernel.unpack(package, scratch, lambda part: None)


def names(modules: list[kernel.Module]) -> list[str]:
    return [each.name for each in modules]


def content(each: kernel.Module) -> bytes:
    return b"".join(pieces(each.content))


@pytest.fixture(autouse=True)
def on_amd64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def test_kernel_is_found_in_its_package(unpacked: kernel.Kernel) -> None:
    """Are the release, the bare image, and the modules that may be wanted read?"""
    assert unpacked.release == "6.1.0-lab"
    assert b"".join(pieces(unpacked.image)) == ELF + b"kernel"
    assert {"virtio_blk", "9pnet_virtio", "ext4"} <= set(unpacked.modules)
    assert not {"snd", "e1000"} & set(unpacked.modules)


def test_modules_are_plain_and_without_signature(unpacked: kernel.Kernel) -> None:
    """Is a module decompressed, and rid of the signature that nobody will check?"""
    assert content(unpacked.modules["virtio_blk"]) == module("virtio_blk", "virtio")
    assert content(unpacked.modules["virtio"]) == module("virtio")


def test_modules_come_after_what_they_need(unpacked: kernel.Kernel) -> None:
    """Is the order one in which each module finds what it depends on, hard or soft?"""
    boot = names(unpacked.in_order(kernel.BOOT_MODULES))
    assert boot == ["virtio", "virtio_pci", "virtio_blk", "crc32c_generic", "libcrc32c", "erofs"]
    others = names(unpacked.in_order(["ext4", "9pnet_virtio", "af_packet"], boot))
    assert others == ["jbd2", "ext4", "9pnet_virtio"]


def test_circles_of_modules_end() -> None:
    """Do modules that name each other not keep the set-up busy for ever?"""
    modules = {
        name: kernel.Module(name, kernel.Slice(0, 0, 0), (other,))
        for name, other in (("a", "b"), ("b", "a"))
    }
    found = kernel.Kernel("1", kernel.Slice(0, 0, 0), modules)
    assert names(found.in_order(["a", "b"])) == ["b", "a"]


def test_other_package_is_refused(tmp_path: Path, scratch: Scratch) -> None:
    """Is a package without a kernel an error that names it?"""
    package = write_package(tmp_path, "linux-image-amd64_1_amd64.deb", {"usr/share/doc/x": b""})
    with pytest.raises(InvalidParameter, match="linux-image-amd64"):
        kernel.unpack(package, scratch, lambda part: None)


def test_image_for_arm64() -> None:
    """Is the image of the other processor found plain, compressed, and in its EFI wrapper?"""
    image = bytes(0x38) + b"ARM\x64" + bytes(100)
    packed = gzip.compress(image)
    wrapped = b"MZ\0\0zimg" + struct.pack("<II", 64, len(packed)) + bytes(48) + packed + b"rest"
    for form in (image, packed, wrapped):
        assert kernel.boot_image(form, "aarch64") == image
    with pytest.raises(InvalidParameter):
        kernel.boot_image(b"MZ" + bytes(100), "aarch64")


def test_image_in_an_unknown_form_is_refused() -> None:
    """Is an image without an ELF file in it refused?"""
    assert kernel.boot_image(ELF, "x86_64") == ELF
    with pytest.raises(InvalidParameter):
        kernel.boot_image(bzimage(b"nothing"), "x86_64")


@pytest.mark.parametrize(
    "pack", [gzip.compress, lzma.compress, bz2.compress, lambda data: data], ids=str
)
def test_compressed_content_becomes_plain(pack) -> None:  # type: ignore[no-untyped-def]
    """Is every form that Debian uses understood, with or without something behind it?"""
    assert plain(pack(b"content" * 100)) == b"content" * 100


def test_damaged_content_is_said() -> None:
    """Is compressed content that is damaged an error of the package?"""
    with pytest.raises(InvalidParameter, match="damaged"):
        plain(b"\xfd7zXZ\0" + b"x" * 100)


def test_zstd_needs_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is zstd understood where something knows it, and its absence said where nothing does?"""
    program = shutil.which("zstd")
    if program:
        packed = subprocess.run([program, "-c"], input=b"x" * 99, capture_output=True).stdout
        assert plain(packed + b"\0" * 7) == b"x" * 99
    monkeypatch.setattr(
        plain_module, "import_module", lambda name: (_ for _ in ()).throw(ImportError)
    )
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Unavailable, match="zstd"):
        plain(b"\x28\xb5\x2f\xfd" + b"x")


def read_cpio(archive: bytes) -> dict[str, tuple[int, bytes]]:
    found = {}
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name = archive[at + 110 : at + 110 + fields[11] - 1].decode()
        at += 110 + fields[11]
        at += -at % 4
        if name == "TRAILER!!!":
            return found
        found[name] = fields[1], archive[at : at + fields[6]]
        at += fields[6] + -fields[6] % 4


def test_initramfs_holds_what_the_start_needs(tmp_path: Path, unpacked: kernel.Kernel) -> None:
    """Has the archive busybox, the modules in their order, and a script that goes on?"""
    busybox = write_package(tmp_path, "busybox-static_1.deb", {"bin/busybox": b"all of it"})
    boot = unpacked.in_order(kernel.BOOT_MODULES)
    target = tmp_path / "initramfs"
    command = ["/usr/bin/python3", "-c", 'print("it\'s on")']
    initramfs.write_initramfs(target, busybox, boot, command)
    found = read_cpio(target.read_bytes())
    assert found["bin/busybox"] == (stat.S_IFREG | 0o755, b"all of it")
    listed = sorted(name for name in found if name.startswith("modules/"))
    assert [name[len("modules/00-") : -3] for name in listed] == names(boot)
    assert [found[name][1] for name in listed] == [content(each) for each in boot]
    mode, script = found["init"]
    assert mode == stat.S_IFREG | 0o755
    assert script.startswith(b"#!/bin/busybox sh\n")
    # the shell itself is asked how it reads the last line
    last = script.split(b"switch_root /root ")[1]
    shown = subprocess.run(["sh", "-c", b"printf '%s|' " + last], capture_output=True, check=True)
    assert shown.stdout.decode() == "".join(f"{word}|" for word in command)
    assert subprocess.run(["sh", "-n"], input=script, check=False).returncode == 0


def test_initramfs_needs_busybox(tmp_path: Path) -> None:
    """Is a package without busybox an error?"""
    package = write_package(tmp_path, "busybox-static_1.deb", {"usr/share/doc/x": b""})
    with pytest.raises(InvalidParameter, match="busybox"):
        initramfs.write_initramfs(tmp_path / "initramfs", package, [], ["x"])
