"""How much of a container's output is kept: `--log-driver`, and `--log-opt max-size`, `max-file`.

Docker begins a new file when one is full and deletes the oldest.  Here one file has as many parts,
and the disk space of the oldest is given back: readers' places in it stay what they are.

Source: Docker's documentation of the json-file and local logging drivers; fallocate(2).
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from lab.errors import InvalidParameter
from lab.kernel import syscalls
from lab.oci import fields
from lab.oci.fields import Json

DRIVERS = ("json-file", "local", "none")
_COMMON = frozenset(("max-file", "max-size", "compress"))
_OPTIONS = {
    "json-file": _COMMON | {"env", "env-regex", "labels", "labels-regex", "tag"},
    "local": _COMMON,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_POWERS = " kmgtp"
_LOCAL_SIZE, _LOCAL_FILES = 20_000_000, 5


@dataclass(frozen=True, slots=True)
class LogLimits:
    """The driver, the bytes after which a part is full (0: never), and how many parts are kept."""

    driver: str = "json-file"
    max_size: int = 0
    max_files: int = 1

    @classmethod
    def from_json(cls, host: Json) -> LogLimits:
        """Read the LogConfig of a HostConfig; InvalidParameter in Docker's words."""
        source = fields.obj(host, "LogConfig")
        driver, options = fields.text(source, "Type"), fields.text_map(source, "Config")
        driver = driver or "json-file"
        if driver not in DRIVERS:
            raise InvalidParameter(f"logger: no log driver named '{driver}' is registered")
        if driver == "none":
            return cls(driver)
        for name in options:
            if name not in _OPTIONS[driver]:
                raise InvalidParameter(f"unknown log opt '{name}' for {driver} log driver")
        is_local = driver == "local"
        size = parse_size(options.get("max-size", str(_LOCAL_SIZE) if is_local else "-1"))
        files = options.get("max-file", str(_LOCAL_FILES) if is_local else "1")
        if not files.isdecimal() or int(files) < 1:
            raise InvalidParameter("max-file cannot be less than 1")
        return cls(driver, size, int(files))


def parse_size(text: str) -> int:
    """Return the bytes of `10m`, `1.5g` or `20000` (powers of 1000); 0 for -1, which is no limit."""
    if text == "-1":
        return 0
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidParameter(f"invalid value for max-size: {text}: invalid size: '{text}'")
    return int(float(match[1]) * 1000 ** _POWERS.index(match[2].lower() or " "))


class LogParts:
    """The parts of one log that is being written."""

    def __init__(self, limits: LogLimits) -> None:
        self._limits = limits
        self._starts: list[int] = []

    def begin(self, fd: int) -> None:
        """Take what is in the log already for one part."""
        self._starts = [data_from(fd, 0)]

    def portions(self, rows: list[str]) -> Iterator[bytes]:
        """Yield what is to be stored at once: little, where a part must not get much too long."""
        most = self._limits.max_size // 4 or sys.maxsize
        portion: list[bytes] = []
        size = 0
        for row in rows:
            encoded = row.encode()
            if portion and size + len(encoded) > most:
                yield b"".join(portion)
                portion, size = [], 0
            portion.append(encoded)
            size += len(encoded)
        if portion:
            yield b"".join(portion)

    def make_room(self, fd: int) -> None:
        """Begin another part if the last one is full, and give back the space of the oldest."""
        if not self._limits.max_size:
            return
        size = os.fstat(fd).st_size
        if size - self._starts[-1] < self._limits.max_size:
            return
        self._starts.append(size)
        del self._starts[: -self._limits.max_files]
        # some file systems cannot; the log is then longer than it should be, and whole
        with contextlib.suppress(OSError):
            syscalls.punch_hole(fd, 0, self._starts[0])


def data_from(fd: int, offset: int) -> int:
    """Return where the next content of a file is, at `offset` or after a hole there."""
    # whoever reads through a buffer relies on the place where it left the file
    place = os.lseek(fd, 0, os.SEEK_CUR)
    # first of all: what is written after the look for content must not be passed over
    size = os.fstat(fd).st_size
    try:
        return os.lseek(fd, offset, os.SEEK_DATA)
    except OSError:
        # nothing but a hole, or a file system without them
        return size if offset > size or not offset else offset
    finally:
        os.lseek(fd, place, os.SEEK_SET)
