"""Which shared libraries a program needs, and where this machine has them.

The machine's own dynamic loader is asked, so that what is found here is what would be loaded.
Source: ELF specification (gABI), ld.so(8).
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lab.errors import Unavailable

_HEADER = struct.Struct("<4sBB10xHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_PT_LOAD, _PT_INTERP = 1, 3
_FOUND = re.compile(r"\t(\S+) => (/.*) \(0x[0-9a-f]+\)")
_MISSING = re.compile(r"\t(\S+) => not found")


def loader_of(program: Path) -> str:
    """Return the path of the dynamic loader that the program names; empty if it names none."""
    content = program.read_bytes()
    for kind, start, size in _segments(content):
        if kind == _PT_INTERP:
            return content[start : start + size].rstrip(b"\0").decode()
    return ""


def stripped(content: bytes) -> bytes:
    """Return an ELF file without what is never loaded, such as symbols for debuggers."""
    loaded = [start + size for kind, start, size in _segments(content) if kind == _PT_LOAD]
    if not loaded:
        return content
    fields = list(_HEADER.unpack_from(content))
    fields[8] = fields[13] = fields[14] = fields[15] = 0  # the table of sections
    head = content[:16]
    return head + _HEADER.pack(*fields)[16:] + content[_HEADER.size : max(loaded)]


def libraries_of(
    files: Iterable[Path], loader: str, environ: Mapping[str, str] | None = None
) -> dict[str, Path]:
    """Return all libraries that the ELF files need, by the name that is asked for.

    Libraries that need libraries are followed; `environ` is the loader's environment, by default
    this process's own.  Raises Unavailable for one that is missing.
    """
    found: dict[str, Path] = {}
    for file in files:
        output = _ask(loader, file, environ)
        if missing := _MISSING.search(output):
            raise Unavailable(f"{file} needs {missing[1]}, which this machine does not have")
        for match in _FOUND.finditer(output):
            found.setdefault(match[1], Path(match[2]))
    return found


def is_elf(path: Path) -> bool:
    """Say whether the file is an ELF file."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield type, offset and size of each segment; nothing if it is no ELF file of 64 bits."""
    if len(content) < _HEADER.size or content[:6] != b"\x7fELF\x02\x01":
        return
    fields = _HEADER.unpack_from(content)
    offset, size, count = fields[7], fields[11], fields[12]
    for at in range(offset, offset + size * count, size):
        kind, _, start, _, _, length, _, _ = _PROGRAM_HEADER.unpack_from(content, at)
        yield kind, start, length


def _ask(loader: str, file: Path, environ: Mapping[str, str] | None) -> str:
    try:
        done = subprocess.run(
            [loader, "--list", str(file)],
            env=environ,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise Unavailable(f"the dynamic loader {loader} does not start: {error}") from None
    return done.stdout
