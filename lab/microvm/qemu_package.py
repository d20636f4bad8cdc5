"""QEMU for machines that have none: unpacked from the distribution's packages, never installed.

bin/        the program
lib/        the libraries that it needs, but for the C library
modules/    QEMU's own module for emulation
share/      firmware
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.catalog.deb import files_of
from lab.errors import Unavailable
from lab.image.tar import Kind
from lab.image.tar_reader import TarReader
from lab.microvm.libraries import libraries_of, loader_of
from lab.sandbox.vm.parts import Emulator, emulator_name

PACKAGES = {"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"}
"""The package with QEMU, by the machine's processor."""

_FIRMWARE = "qboot|kvmvapic|linuxboot_dma|pvh|bios-256k"
_LIMIT = 20.0
_MACHINES = {"x86_64": ("q35", "-bios", "qboot.rom"), "aarch64": ("virt",)}


def check(emulator: Emulator) -> str:
    """Start a machine, and end it at once; return what went wrong, in QEMU's words, or nothing."""
    machine, *options = _MACHINES.get(platform.machine(), ("none",))
    command = [emulator.program, *emulator.arguments, "-M", machine, *options]
    command += "-accel tcg -cpu max -nodefaults -display none -S -monitor stdio".split()
    try:
        done = subprocess.run(
            command,
            env={"LC_ALL": "C", **emulator.environ},
            input="quit\n",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else ""


def unpack(packages: Sequence[Path], folder: Path) -> None:
    """Put QEMU into `folder`, an empty one; `packages` are its package and all that it needs.

    Raises Unavailable if it lacks something.
    """
    for name in ("bin", "lib", "modules", "share"):
        (folder / name).mkdir()
    wanted = _wanted()
    for package in packages:
        # this machine's own C library fits this machine's loader
        if not package.name.startswith(("libc6_", "libc-bin_", "linux-image-")):
            _extract(files_of(package), wanted, folder)
    program = folder / "bin" / emulator_name()
    if not program.is_file():
        raise Unavailable(f"the packages hold no {program.name}")
    _keep_needed(folder, program)


def _wanted() -> list[tuple[re.Pattern[str], str]]:
    machine = platform.machine()
    return [
        (re.compile(rf"usr/bin/({emulator_name()})"), "bin"),
        (re.compile(rf"usr/lib/[^/]+/qemu/(accel-tcg-{machine}\.so)"), "modules"),
        (re.compile(r"(?:usr/)?lib/[^/]+-linux-gnu/(lib[^/]+\.so(?:\.[^/]+)?)"), "lib"),
        (re.compile(rf"usr/share/(?:qemu|seabios)/((?:{_FIRMWARE})\.(?:bin|rom))"), "share"),
    ]


def _extract(reader: TarReader, wanted: list[tuple[re.Pattern[str], str]], folder: Path) -> None:
    for member in reader:
        name = member.name.removeprefix(b"./").decode("utf-8", "replace")
        for pattern, place in wanted:
            if not (match := pattern.fullmatch(name)):
                continue
            target = folder / place / match[1]
            if member.kind is Kind.FILE:
                with target.open("wb") as file:
                    file.writelines(reader.data())
                target.chmod(member.mode)
            elif member.kind is Kind.SYMLINK and b"/" not in member.link:
                target.unlink(missing_ok=True)
                target.symlink_to(os.fsdecode(member.link))


def _keep_needed(folder: Path, program: Path) -> None:
    """Delete the libraries that QEMU does not load."""
    home = folder / "lib"
    files = [program, *(folder / "modules").iterdir()]
    needed = libraries_of(files, loader_of(program), {"LD_LIBRARY_PATH": str(home)})
    kept = set()
    for name, path in needed.items():
        if path.parent == home:
            kept |= {name, path.resolve().name}
    for path in home.iterdir():
        if path.name not in kept:
            path.unlink()
