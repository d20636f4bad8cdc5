"""Makes the microVM's parts, and makes anew what is stale: the rest is left alone.

Three groups are made independently of each other: `guest` (kernel, initramfs, system disk),
`qemu`, and `catalog`, which comes last since making the catalog needs an engine.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from lab.catalog.tree import Scratch
from lab.errors import Unavailable
from lab.microvm import catalog_disk, initramfs, kernel, python, qemu_package, system
from lab.microvm.files import WORK, making, replacing
from lab.microvm.packages import Packages
from lab.sandbox.vm.parts import (
    Emulator,
    Parts,
    emulator_name,
    find_program,
    is_whole,
    sizes_of,
)

Progress = Callable[[str, float], None]
"""Told what is being done, and what part of the whole is behind us, 0 to 1."""

_DOWNLOADED, _UNPACKED, _WRITTEN = 0.4, 0.7, 0.9
_MAKERS = Path(__file__).resolve().parent
_ALSO = ("erofs.py", "erofs_tree.py", "bytecode.py", "modules.py")
_OWN = "own"


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are: the `parts`, the `cache` of packages, `search_path` for programs."""

    parts: Parts
    cache: Path
    search_path: str


def prepare(place: Place, progress: Progress) -> bool:
    """Make the guest's parts and see to QEMU; return whether anything had to be made.

    Runs as any user.  Raises Unavailable, with what to do, where the parts cannot be had.
    """
    parts = place.parts
    with making(parts.folder):
        stamp = parts.read_stamp()
        guest = _fingerprint(sys.version, *_distributions().items())
        emulator = _of_the_machine(place)
        qemu = _fingerprint(emulator.program if emulator else _OWN)
        stale_guest = stamp.made_of.get("guest") != guest or bool(parts.whats_wrong())
        stale_qemu = stamp.made_of.get("qemu") != qemu or not _has_qemu(parts, emulator)
        if stale_guest or stale_qemu:
            packages = Packages(
                place.cache / "microvm",
                emulator is None,
                _share(progress, "downloading packages", 0.0, _DOWNLOADED),
            )
            if stale_guest:
                _make_guest(parts, packages, guest, progress)
            if stale_qemu:
                _make_qemu(parts, packages, emulator, progress)
                _note(parts, "qemu", qemu, [])
            progress("the microVM is ready", 1.0)
    return stale_guest or stale_qemu


def prepare_catalog(place: Place, catalog: Path, progress: Progress) -> bool:
    """Make the disk with the layers of `catalog`; return whether it had to be made."""
    parts = place.parts
    with making(parts.folder):
        index = hashlib.sha256((catalog / "index.json").read_bytes()).hexdigest()
        made_of = _fingerprint(index)
        stamp = parts.read_stamp()
        if stamp.made_of.get("catalog") == made_of and is_whole(parts.catalog, stamp):
            return False
        with replacing(parts.catalog) as (beside,), beside.open("wb") as file:
            report = _share(progress, "unpacking the images", 0.0, 1.0)
            catalog_disk.write_catalog(file, bytes.fromhex(made_of)[:16], catalog, report)
        _note(parts, "catalog", made_of, [parts.catalog], catalog=index)
    return True


def _make_guest(parts: Parts, packages: Packages, made_of: str, progress: Progress) -> None:
    interpreter = python.read_interpreter()
    package = packages.kernel()
    with (
        tempfile.TemporaryDirectory(dir=parts.folder, prefix=WORK) as work,
        closing(Scratch(Path(work))) as scratch,
    ):
        report = _share(progress, "unpacking the kernel", _DOWNLOADED, _UNPACKED)
        unpacked = kernel.unpack(package, scratch, report)
        boot = unpacked.in_order(kernel.BOOT_MODULES)
        others = unpacked.in_order(kernel.MODULES, [module.name for module in boot])
        files = [parts.kernel, parts.initramfs, parts.system]
        with replacing(*files) as (vmlinux, archive, disk):
            kernel.write(unpacked.image, vmlinux)
            busybox = packages.find("busybox-static_")
            initramfs.write_initramfs(archive, busybox, boot, system.start_command(interpreter))
            with disk.open("wb") as file:
                report = _share(progress, "collecting Python", _UNPACKED, _WRITTEN)
                spare = partial(packages.library, folder=Path(work))
                # what was saved of a guest with another kernel must not go on with this disk
                identity = hashlib.sha256(f"{made_of} {package.name}".encode()).digest()[:16]
                program = initramfs.busybox_of(busybox)
                system.write_system(file, identity, interpreter, others, program, spare, report)
    _note(
        parts,
        "guest",
        made_of,
        files,
        architecture=platform.machine(),
        kernel=unpacked.release,
        python=platform.python_version(),
        distributions=_distributions(),
    )


def _make_qemu(
    parts: Parts, packages: Packages, emulator: Emulator | None, progress: Progress
) -> None:
    """Unpack QEMU, unless the machine has one; what was unpacked before goes away."""
    if emulator is not None:
        shutil.rmtree(parts.qemu, ignore_errors=True)
        return
    files = packages.all()
    progress("unpacking QEMU", _WRITTEN)
    beside = parts.folder / ".qemu.new"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        qemu_package.unpack(files, beside)
        if wrong := qemu_package.check(Parts.emulator_in(beside)):
            raise Unavailable(f"QEMU does not start here: {wrong}")
        shutil.rmtree(parts.qemu, ignore_errors=True)
        os.replace(beside, parts.qemu)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _of_the_machine(place: Place) -> Emulator | None:
    """Return the machine's own QEMU, if there is one that works."""
    found = find_program(emulator_name(), place.search_path)
    emulator = Emulator(found) if found else None
    return emulator if emulator and not qemu_package.check(emulator) else None


def _has_qemu(parts: Parts, emulator: Emulator | None) -> bool:
    return emulator is not None or (parts.qemu / "bin" / emulator_name()).is_file()


def _distributions() -> dict[str, str]:
    return {name: found.version for name, found in python.distributions().items()}


def _fingerprint(*what: object) -> str:
    """Return what changes with the makers' sources, and with what is given."""
    running = hashlib.sha256(repr((platform.machine(), what)).encode())
    others = _MAKERS.parent / "sandbox" / "vm"
    for path in [*sorted(_MAKERS.glob("*.py")), *(others / name for name in _ALSO)]:
        running.update(hashlib.sha256(path.read_bytes()).digest())
    return running.hexdigest()


def _note(parts: Parts, group: str, made_of: str, files: Iterable[Path], **known: Any) -> None:
    """Add to the stamp that a group has been made."""
    stamp = parts.read_stamp()
    parts.write_stamp(
        replace(
            stamp,
            made_of={**stamp.made_of, group: made_of},
            sizes={**stamp.sizes, **sizes_of(files)},
            **known,
        )
    )


def _share(progress: Progress, step: str, start: float, end: float) -> Callable[[float], None]:
    """Return what reports a step's own part, 0 to 1, as a share of the whole."""
    return lambda part: progress(step, start + (end - start) * part)
