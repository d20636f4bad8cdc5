"""The learner's own disk: images, containers and volumes stay on it from one start to the next.

It is a sparse file, which takes as much room as is used of it.
"""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

from lab.errors import LabError, Unavailable
from lab.sandbox.vm.parts import find_program

SIZE = 16 << 30
"""Bytes.  A saved guest knows it, and older disks are grown to it, so it may only become larger."""

_ALSO_LOOKED_AT = "/usr/sbin:/sbin:/usr/local/sbin"
_MAKE_LIMIT = 60.0
_NEEDED = 64 << 20
_MAGIC_AT, _MAGIC = 1024 + 56, b"\x53\xef"
"""Of an ext4 superblock.  Source: kernel documentation, filesystems/ext4/super."""


def ensure_disk(path: Path, search_path: str) -> None:
    """Make the disk if there is none, grow one that is smaller than it is today.

    Raises Unavailable if mkfs.ext4 is missing, LabError if the disk cannot be made, or is none.
    """
    try:
        if not path.exists():
            _make(path, search_path)
        with path.open("r+b") as file:
            if os.pread(file.fileno(), len(_MAGIC), _MAGIC_AT) != _MAGIC:
                raise LabError(f"{path} is no disk of the lab", "lab reset makes a new one")
            if os.fstat(file.fileno()).st_size < SIZE:
                file.truncate(SIZE)
    except OSError as error:
        raise _unusable(path, error) from None


def make_blank(path: Path) -> None:
    """Make an empty file of the disk's size, for a machine that does not mount it."""
    with path.open("wb") as file:
        file.truncate(SIZE)


def _make(path: Path, search_path: str) -> None:
    program = find_program("mkfs.ext4", f"{search_path}:{_ALSO_LOOKED_AT}")
    if program is None:
        raise Unavailable(
            "there is no mkfs.ext4 here, with which the microVM's disk is made",
            "install the package e2fsprogs",
        )
    _need_room(path.parent)
    beside = path.with_name(f".{path.name}.new")
    try:
        make_blank(beside)
        command = [program, "-q", "-F", "-L", "lab", "-m", "0", "-i", "65536"]
        command += ["-J", "size=16", "-E", "root_owner=0:0", str(beside)]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MAKE_LIMIT,
            check=False,
        )
        if done.returncode:
            raise LabError(f"the microVM's disk cannot be made: {_last_line(done.stderr)}")
        os.replace(beside, path)
    except subprocess.TimeoutExpired:
        raise LabError("the microVM's disk cannot be made: mkfs.ext4 does not end") from None
    finally:
        beside.unlink(missing_ok=True)


def _need_room(folder: Path) -> None:
    state = os.statvfs(folder)
    if state.f_bavail * state.f_frsize < _NEEDED:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _unusable(path: Path, error: OSError) -> LabError:
    hint = ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = f"free some room: the microVM's disk needs {_NEEDED >> 20} MB to begin with"
    return LabError(f"cannot use {path} for the microVM's disk: {error.strerror}", hint)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "mkfs.ext4 failed without a word"
