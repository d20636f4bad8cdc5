"""Debian's kernel, unpacked from its package and never installed: the image, and its modules.

Source: Linux, Documentation/arch/x86/boot.rst (bzImage), Documentation/arch/arm64/booting.rst;
drivers/firmware/efi/libstub/zboot-header.S.
"""

from __future__ import annotations

import platform
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lab.catalog.deb import files_of
from lab.catalog.tree import Scratch, Slice, pieces
from lab.errors import InvalidParameter
from lab.image.tar import Kind
from lab.image.tar_reader import TarReader
from lab.microvm.plain import plain

BOOT_MODULES = ("virtio_pci", "virtio_blk", "erofs")
"""What the guest's root cannot be mounted without."""

MODULES = (
    *("virtio_console", "virtio_net", "virtio_rng"),
    *("9p", "9pnet_virtio", "ext4", "overlay"),
    *("bridge", "veth", "af_packet"),
    *("nf_tables", "nft_chain_nat", "nft_nat", "nft_masq", "nft_redir", "nft_ct"),
    *("nft_fib_ipv4", "nft_fib_ipv6", "nft_fib_inet"),
)
"""What the engine in the guest needs besides; those that the kernel itself holds are no modules."""

_WANTED = re.compile(
    rb"(?:usr/)?lib/modules/([^/]+)/kernel/"
    rb"(?:arch|crypto|lib|fs|net|drivers/(?:block|char|net|virtio|virtio_.*))/.*\.ko(?:\.\w+)?"
)
_NOT_WANTED = re.compile(rb"/drivers/net/(?!virtio_net|veth|net_failover)")
_IMAGE = re.compile(rb"boot/vmlinu[xz]-(.+)")
_INFO = re.compile(rb"\b(depends|softdep)=([^\0]*)\0")
_SOFT_BEFORE = re.compile(r"pre:((?: (?!post:)[\w-]+)+)")
_SIGNED = b"~Module signature appended~\n"
_SIGNATURE_TAIL = 12

_SETUP_SECTORS, _PAYLOAD = 0x1F1, 0x248
_ARM64_MAGIC, _ARM64_MAGIC_AT = b"ARM\x64", 0x38


class Module(NamedTuple):
    """A module: `before` are the names of those that must be loaded before it, if they exist."""

    name: str
    content: Slice
    before: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel: its `release`, the image as QEMU starts it, modules by name."""

    release: str
    image: Slice
    modules: dict[str, Module]

    def in_order(self, names: Iterable[str], loaded: Iterable[str] = ()) -> list[Module]:
        """Return these modules, and what they need, each after what it needs; none of `loaded`.

        Names of no module are left out: another release has them in the kernel itself.
        """
        seen = set(loaded)
        ordered: list[Module] = []

        def visit(name: str) -> None:
            module = self.modules.get(name)
            if module is None or name in seen:
                return
            seen.add(name)
            for other in module.before:
                visit(other)
            ordered.append(module)

        for name in names:
            visit(name)
        return ordered


def unpack(package: Path, scratch: Scratch, report: Callable[[float], None]) -> Kernel:
    """Read a package `linux-image-RELEASE`; InvalidParameter if it is none."""
    release = ""
    image: Slice | None = None
    modules: dict[str, Module] = {}
    for count, (name, content) in enumerate(_files(files_of(package))):
        report(min(count / 1500, 1.0))
        if match := _IMAGE.fullmatch(name):
            release = match[1].decode()
            image = scratch.keep([boot_image(content)])
        else:
            module = _module(name, plain(content), scratch)
            modules[module.name] = module
    if image is None:
        raise InvalidParameter(f"{package.name} is no package of a kernel for this lab")
    return Kernel(release, image, modules)


def boot_image(content: bytes, machine: str = "") -> bytes:
    """Return a kernel's image as QEMU starts it fastest: an ELF file for x86_64, Image for arm64.

    Raises InvalidParameter if it is none.
    """
    if (machine or platform.machine()) == "x86_64":
        image = _from_bzimage(content)
        good = image.startswith(b"\x7fELF")
    else:
        image = _from_zboot(content)
        good = image[_ARM64_MAGIC_AT : _ARM64_MAGIC_AT + 4] == _ARM64_MAGIC
    if not good:
        raise InvalidParameter("the kernel's image has a form that is not known here")
    return image


def write(content: Slice, target: Path) -> None:
    """Write what was kept to a file."""
    with target.open("wb") as file:
        file.writelines(pieces(content))


def _from_bzimage(content: bytes) -> bytes:
    if content.startswith(b"\x7fELF"):
        return content
    sectors = content[_SETUP_SECTORS] or 4
    offset, size = struct.unpack_from("<II", content, _PAYLOAD)
    start = (sectors + 1) * 512 + offset
    return plain(content[start : start + size])


def _from_zboot(content: bytes) -> bytes:
    if content[4:8] == b"zimg":
        offset, size = struct.unpack_from("<II", content, 8)
        content = content[offset : offset + size]
    return plain(content)


def _files(reader: TarReader) -> Iterator[tuple[bytes, bytes]]:
    for member in reader:
        name = member.name.removeprefix(b"./")
        wanted = _WANTED.fullmatch(name) and not _NOT_WANTED.search(name)
        if member.kind is Kind.FILE and (wanted or _IMAGE.fullmatch(name)):
            yield name, b"".join(reader.data())


def _module(path: bytes, content: bytes, scratch: Scratch) -> Module:
    name = _canonical(path.rpartition(b"/")[2].split(b".ko")[0].decode())
    before: list[str] = []
    for key, value in _INFO.findall(content):
        text = value.decode("utf-8", "replace")
        if key == b"depends":
            before += filter(None, map(_canonical, text.split(",")))
        elif match := _SOFT_BEFORE.match(text):
            before += map(_canonical, match[1].split())
    # a checksum is named by what it computes: this is the one that all processors have
    before = ["crc32c_generic" if other == "crc32c" else other for other in before]
    return Module(name, scratch.keep([_without_signature(content)]), tuple(before))


def _without_signature(content: bytes) -> bytes:
    """Nobody checks it in the guest, and checking takes a while in an emulated processor.

    Source: Linux, include/linux/module_signature.h.
    """
    if not content.endswith(_SIGNED):
        return content
    end = len(content) - len(_SIGNED)
    (size,) = struct.unpack_from(">I", content, end - 4)
    return content[: end - _SIGNATURE_TAIL - size]


def _canonical(name: str) -> str:
    return name.strip().replace("-", "_")
