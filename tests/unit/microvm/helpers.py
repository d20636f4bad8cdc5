"""Debian packages with a kernel of a few bytes, and other things to make a microVM's parts from."""

from __future__ import annotations

import gzip
import lzma
import struct
from pathlib import Path

from lab.catalog.tree import Tree, archive

ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
MODULE = b"\x7fELF module "


def write_package(
    folder: Path, file_name: str, files: dict[str, bytes], links: dict[str, str] | None = None
) -> Path:
    """Write a package of that file name with these files; its control fields are left out."""
    data = Tree()
    for path, content in files.items():
        data.file(path, content, 0o755)
    for path, target in (links or {}).items():
        data.symlink(path, target)
    members = {
        "debian-binary": b"2.0\n",
        "data.tar.gz": gzip.compress(b"".join(archive(data)), 1),
    }
    path = folder / file_name
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, content in members.items():
            header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
            file.write(header.encode() + content + b"\n" * (len(content) % 2))
    return path


def module(name: str, depends: str = "", softdep: str = "") -> bytes:
    """Return a module of that name, which needs others."""
    info = f"license=GPL\0depends={depends}\0" + (f"softdep={softdep}\0" if softdep else "")
    return MODULE + name.encode() + b"\0" + info.encode()


def signed(content: bytes) -> bytes:
    """Return a module with a signature of 20 bytes behind it."""
    return content + b"s" * 20 + bytes(8) + struct.pack(">I", 20) + b"~Module signature appended~\n"


def bzimage(content: bytes) -> bytes:
    """Return a bzImage whose compressed payload is `content`."""
    payload = lzma.compress(content, check=lzma.CHECK_CRC32)
    head = bytearray(5 * 512)
    head[0x1F1] = 4
    struct.pack_into("<II", head, 0x248, 64, len(payload))
    return bytes(head) + bytes(64) + payload + b"what follows"


def kernel_files(release: str = "6.1.0-lab") -> dict[str, bytes]:
    """Return what a kernel's package holds: an image, and modules in several forms."""
    base = f"lib/modules/{release}/kernel"
    return {
        f"boot/vmlinuz-{release}": bzimage(ELF + b"kernel"),
        f"boot/config-{release}": b"",
        f"{base}/drivers/virtio/virtio_pci.ko": module("virtio_pci", "virtio"),
        f"{base}/drivers/virtio/virtio.ko": signed(module("virtio")),
        f"{base}/drivers/block/virtio_blk.ko.xz": lzma.compress(module("virtio_blk", "virtio")),
        f"{base}/fs/erofs/erofs.ko": module("erofs", "libcrc32c"),
        f"{base}/lib/libcrc32c.ko": module("libcrc32c", "", "pre: crc32c"),
        f"{base}/crypto/crc32c_generic.ko": module("crc32c_generic"),
        f"{base}/fs/ext4/ext4.ko": module("ext4", "libcrc32c,jbd2"),
        f"{base}/fs/jbd2/jbd2.ko": module("jbd2"),
        f"{base}/net/9p/9pnet-virtio.ko": module("9pnet-virtio", "virtio"),
        f"{base}/drivers/net/ethernet/e1000.ko": module("e1000"),
        f"{base}/sound/snd.ko": module("snd"),
    }
