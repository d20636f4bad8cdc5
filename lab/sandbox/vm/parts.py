"""What the microVM consists of: the files that `lab setup` makes, and what they were made of.

vmlinux          Debian's kernel, as QEMU starts it
initramfs        what the kernel starts: finds the disks, and goes on from `system.erofs`
system.erofs     the guest's root: this Python, the libraries that the engine needs
program.erofs    the package `lab`, on /program
catalog.erofs    the catalog's layers, unpacked
qemu/            QEMU, where PATH has none
snapshot/        a guest that has started already
stamp.json       what they were made of
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lab.config import Config
from lab.errors import Unavailable

HINT = "run: lab setup"

_FORMAT = 1
_UUID_AT = 1024 + 48  # of an EROFS superblock


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the parts were made of.

    `made_of` has a fingerprint for each group of parts (`guest`, `catalog`, `qemu`); `sizes` are
    the bytes of the files; `catalog` is the digest of the catalog's index.
    """

    architecture: str = ""
    kernel: str = ""
    python: str = ""
    catalog: str = ""
    distributions: Mapping[str, str] = field(default_factory=dict)
    made_of: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)


class Emulator(NamedTuple):
    """A QEMU that can be started: `program`, arguments that always come first, environment."""

    program: str
    arguments: tuple[str, ...] = ()
    environ: Mapping[str, str] = {}


class Parts:
    """The names of the parts in `folder`.

    Where that is everyone's, one user's program, if it is another, and his saved guest are in
    `own`.
    """

    def __init__(self, folder: Path, own: Path | None = None) -> None:
        self.folder = folder
        self.own = own or folder
        self.kernel = folder / "vmlinux"
        self.initramfs = folder / "initramfs"
        self.system = folder / "system.erofs"
        self.program = folder / "program.erofs"
        self.catalog = folder / "catalog.erofs"
        self.qemu = folder / "qemu"
        shared = folder / "snapshot"
        usable = os.access(shared / "stamp.json", os.R_OK)
        self.snapshot = shared if usable and not self.own_snapshot.exists() else self.own_snapshot
        self._stamp = folder / "stamp.json"

    @classmethod
    def of(cls, config: Config) -> Parts:
        """Return the parts that this user's lab has."""
        folder = config.vm
        everyones = folder.exists() and not os.access(folder, os.W_OK)
        return cls(folder, config.guest if everyones else None)

    @property
    def is_everyones(self) -> bool:
        """Say whether the parts were made by somebody else, and cannot be changed here."""
        return self.own != self.folder

    @property
    def own_snapshot(self) -> Path:
        """Return where this user's guest is saved."""
        return self.own / "snapshot"

    def read_stamp(self) -> Stamp:
        """Return the stamp; an empty one if there is none, or one of another format."""
        try:
            members: dict[str, Any] = json.loads(self._stamp.read_bytes())
            if members.pop("format") == _FORMAT:
                return Stamp(**members)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            pass
        return Stamp()

    def write_stamp(self, stamp: Stamp) -> None:
        """Replace the stamp."""
        members = {name: getattr(stamp, name) for name in Stamp.__slots__}
        beside = self._stamp.with_name(".stamp.new")
        beside.write_text(json.dumps({"format": _FORMAT, **members}, indent=1), encoding="utf-8")
        os.replace(beside, self._stamp)

    def whats_wrong(self) -> str:
        """Return why the guest cannot be started from these parts, in one sentence; else nothing.

        Looks at names, sizes and versions only, so that every start can ask.
        """
        stamp = self.read_stamp()
        if "guest" not in stamp.made_of:
            return "the microVM's parts have not been made"
        for path in (self.kernel, self.initramfs, self.system):
            if not is_whole(path, stamp):
                return f"{path} is missing or damaged"
        if stamp.architecture != platform.machine():
            return f"the microVM's parts are for {stamp.architecture}"
        if stamp.python != platform.python_version():
            return f"the microVM's parts were made for Python {stamp.python}"
        return ""

    def require(self) -> None:
        """Raise Unavailable, with what to do, if the guest cannot be started from these parts."""
        if wrong := self.whats_wrong():
            raise Unavailable(wrong, HINT)

    def has_catalog(self) -> bool:
        """Say whether the disk with the catalog's layers is there, and whole."""
        return is_whole(self.catalog, self.read_stamp())

    def emulator(self, search_path: str) -> Emulator:
        """Return the QEMU to use: the one that set-up unpacked, else that of `search_path`.

        Set-up unpacks one only where the machine's own is missing or does not work.  Raises
        Unavailable if there is none.
        """
        name = emulator_name()
        own = self.emulator_in(self.qemu)
        if Path(own.program).is_file():
            return own
        found = find_program(name, search_path)
        if found is None:
            raise Unavailable(f"there is no {name} here, which the microVM runs in", HINT)
        return Emulator(found)

    @staticmethod
    def emulator_in(folder: Path) -> Emulator:
        """Return the QEMU that was unpacked into `folder`."""
        environ = {
            "LD_LIBRARY_PATH": str(folder / "lib"),
            "QEMU_MODULE_DIR": str(folder / "modules"),
        }
        program = str(folder / "bin" / emulator_name())
        return Emulator(program, ("-L", str(folder / "share")), environ)


def emulator_name() -> str:
    """The name of QEMU's program for this machine's processor."""
    return f"qemu-system-{platform.machine()}"


def find_program(name: str, search_path: str) -> str | None:
    """Return the path of a program; unlike shutil.which, an empty path finds nothing."""
    for folder in filter(None, search_path.split(os.pathsep)):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def is_whole(path: Path, stamp: Stamp) -> bool:
    """Say whether the file has the size that the stamp knows."""
    try:
        return path.stat().st_size == stamp.sizes.get(path.name, -1)
    except OSError:
        return False


def sizes_of(paths: Iterable[Path]) -> dict[str, int]:
    """Return the sizes of files, as a stamp holds them."""
    return {path.name: path.stat().st_size for path in paths}


def image_id(path: Path) -> bytes:
    """Return the 16 bytes by which its maker named an EROFS image; nothing if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(_UUID_AT)
            return file.read(16)
    except OSError:
        return b""
