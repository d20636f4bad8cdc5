"""The guest's first file system: a static busybox, the modules for the disks, a small script.

The archive is not compressed: unpacking it would take an emulated processor longer than QEMU
takes to copy it.  Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.catalog.deb import files_of
from lab.catalog.tree import pieces
from lab.errors import InvalidParameter
from lab.microvm.kernel import Module

_SCRIPT = """\
#!/bin/busybox sh
# Finds the guest's disks by their serial numbers, and goes on from the one with its root.

fail() {
    busybox echo "lab: the guest cannot start: $1"
    exit 1
}

attach() {
    for disk in /sys/block/vd*; do
        read -r serial < "$disk/serial"
        if [ "$serial" = "$1" ]; then
            busybox mount -t erofs -o ro "/dev/${disk##*/}" "$2" && return 0
        fi
    done
    fail "there is no disk '$1'"
}

busybox mount -t devtmpfs dev /dev
busybox mount -t sysfs sys /sys
for module in /modules/*; do
    busybox insmod "$module" || fail "$module does not load"
done
attach system /root
attach program /root/program
busybox umount /sys
busybox mount -o move /dev /root/dev
"""


def write_initramfs(
    target: Path, busybox: Path, modules: Sequence[Module], command: Sequence[str]
) -> None:
    """Write the archive; `busybox` is the package busybox-static, `command` the
    guest's first process.

    The modules are loaded in this order.
    """
    start = f"exec busybox switch_root /root {shlex.join(command)}\n"
    with target.open("wb") as file:
        for folder in ("bin", "dev", "modules", "root", "sys"):
            file.writelines(_entry(folder, stat.S_IFDIR | 0o755, b""))
        # without it nothing that the script says would be seen
        file.writelines(_entry("dev/console", stat.S_IFCHR | 0o600, b"", device=(5, 1)))
        file.writelines(_entry("bin/busybox", stat.S_IFREG | 0o755, busybox_of(busybox)))
        for number, module in enumerate(modules):
            content = b"".join(pieces(module.content))
            name = f"modules/{number:02}-{module.name}.ko"
            file.writelines(_entry(name, stat.S_IFREG | 0o644, content))
        file.writelines(_entry("init", stat.S_IFREG | 0o755, (_SCRIPT + start).encode()))
        file.writelines(_entry("TRAILER!!!", 0, b""))


def _entry(
    name: str, mode: int, content: bytes, device: tuple[int, int] = (0, 0)
) -> Iterator[bytes]:
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + "".join(f"{field:08x}" for field in fields).encode()
    head += name.encode() + b"\0"
    yield head + bytes(-len(head) % 4)
    yield content + bytes(-len(content) % 4)


def busybox_of(package: Path) -> bytes:
    """Return the program of the package busybox-static."""
    for member in (reader := files_of(package)):
        if member.name.removeprefix(b"./") in (b"bin/busybox", b"usr/bin/busybox"):
            return b"".join(reader.data())
    raise InvalidParameter("the package busybox-static holds no busybox")
