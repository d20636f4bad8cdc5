"""The tar format as layers use it: one header block parsed, one extension record parsed.

Source: POSIX pax (ustar and extended headers), GNU tar's long names and base-256 numbers,
`SCHILY.xattr.*` of star, and OCI image-spec, layer.md.  Sparse members are refused by name.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from lab.errors import InvalidParameter, UnsafePath

BLOCK = 512
MAX_EXTENSION = 1 << 20
"""Bytes that a long name or a set of pax records may take, as in Docker's reader."""
XATTR_PREFIX = b"SCHILY.xattr."
WHITEOUT_PREFIX = b".wh."
OPAQUE_NAME = b".wh..wh..opq"

_MAX_TIME_NS = (1 << 63) - 1
_DECIMAL = re.compile(rb"(-?)([0-9]{1,19})(?:\.([0-9]*))?")
_CHECKSUM = slice(148, 156)


class Kind(Enum):
    """What a member is."""

    FILE = "file"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    CHARACTER = "character device"
    BLOCK = "block device"
    DIRECTORY = "directory"
    FIFO = "fifo"


KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,
    b"1": Kind.HARDLINK,
    b"2": Kind.SYMLINK,
    b"3": Kind.CHARACTER,
    b"4": Kind.BLOCK,
    b"5": Kind.DIRECTORY,
    b"6": Kind.FIFO,
}

KIND_OF_TYPE = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
}
"""By the type in a file's mode.  Source: inode(7)."""


class Member(NamedTuple):
    """One member of an archive.

    `name` and `link` are bytes as written; `size` counts the bytes of a file's content and is 0
    for all other kinds; `mode` has permission bits only; `device` is (major, minor).
    """

    name: bytes
    kind: Kind
    size: int = 0
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: Mapping[bytes, bytes] = {}


class Header(NamedTuple):
    """One header block: a member, or an extension (`flag` x, g, L, K) of the next one."""

    flag: bytes
    member: Member
    is_gnu: bool


def parse_header(block: bytes) -> Header:
    """Return what a block of 512 bytes says; InvalidParameter if it is no header."""
    _check_sum(block)
    flag = block[156:157]
    is_gnu = block[257:265] == b"ustar  \0"
    name = _text(block[0:100])
    if block[257:263] == b"ustar\0" and block[345]:
        name = _text(block[345:500]) + b"/" + name
    kind = KINDS.get(flag, Kind.FILE)
    if flag == b"\0" and name.endswith(b"/"):
        kind = Kind.DIRECTORY
    is_device = kind in (Kind.CHARACTER, Kind.BLOCK)
    member = Member(
        name,
        kind,
        _size(block[124:136]),
        number(block[100:108]) & 0o7777,
        number(block[108:116]),
        number(block[116:124]),
        clamp_time(number(block[136:148]) * 1_000_000_000),
        _text(block[157:257]),
        (number(block[329:337]), number(block[337:345])) if is_device else (0, 0),
    )
    return Header(flag, member, is_gnu)


def number(field: bytes) -> int:
    """Return a numeric header field: octal digits, or base-256 when its first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40:
            value -= 1 << (8 * len(field) - 1)
        return value
    digits = field.strip(b" \0")
    if not digits:
        return 0
    # int() alone would also take signs, underscores and `0o`
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise InvalidParameter("archive/tar: invalid tar header: a number is not octal")
    return int(digits, 8)


def parse_pax(content: bytes) -> dict[bytes, bytes]:
    """Return the records `LENGTH KEY=VALUE\\n` of an extended header.

    An empty value leaves the header's own field in force, as in Docker's reader.
    Raises InvalidParameter if the records are malformed or the member is sparse.
    """
    records = {key: value for key, value in _records(content) if value}
    if any(key.startswith(b"GNU.sparse.") for key in records):
        raise sparse()
    for key in (b"path", b"linkpath"):
        if b"\0" in records.get(key, b""):
            raise _malformed_pax()
    return records


def with_pax(member: Member, records: Mapping[bytes, bytes]) -> Member:
    """Return `member` with the fields that extended headers override."""
    return member._replace(
        name=records.get(b"path", member.name),
        link=records.get(b"linkpath", member.link),
        size=_pax_size(records, member.size),
        uid=_pax_integer(records, b"uid", member.uid),
        gid=_pax_integer(records, b"gid", member.gid),
        mtime_ns=_pax_time(records, member.mtime_ns),
        xattrs={
            key[len(XATTR_PREFIX) :]: value
            for key, value in records.items()
            if key.startswith(XATTR_PREFIX)
        },
    )


def sparse() -> InvalidParameter:
    """The refusal of sparse members."""
    return InvalidParameter("sparse members of tar archives are not supported")


def clamp_time(nanoseconds: int) -> int:
    """Return a time that file systems can hold: outside 1970 to 2262 it becomes 1970, as in Docker."""
    return nanoseconds if 0 <= nanoseconds <= _MAX_TIME_NS else 0


def display(name: bytes) -> str:
    """Return a member's name as text for people; bytes that are no UTF-8 are replaced."""
    return name.decode("utf-8", "replace")


def safe_parts(name: bytes, what: str = "entry name") -> tuple[bytes, ...]:
    """Return the components of a member's name, cleaned; empty for the root itself.

    A leading slash means the archive's root.  `..` may only take back a component before it:
    raises UnsafePath, naming the member, where the name leads out of the archive.
    """
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part in (b"", b"."):
            continue
        if part != b"..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise UnsafePath(f'invalid {what} "{display(name)}": it leaves the root directory')
    return tuple(parts)


def _check_sum(block: bytes) -> None:
    stored = number(block[_CHECKSUM])
    total = sum(block) - sum(block[_CHECKSUM]) + 8 * 32
    if stored == total:
        return
    # old writers summed signed bytes
    high = sum(byte >= 0x80 for byte in block[:148] + block[156:])
    if stored != total - 256 * high:
        raise InvalidParameter("archive/tar: invalid tar header: wrong checksum")


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _size(field: bytes) -> int:
    size = number(field)
    if size < 0:
        raise InvalidParameter("archive/tar: invalid tar header: negative size")
    return size


def _records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(content):
        space = content.find(b" ", position, position + 10)
        length_text = content[position : max(space, position)]
        if not length_text.isdigit():
            raise _malformed_pax()
        end = position + int(length_text)
        record = content[space + 1 : end]
        if end > len(content) or not record.endswith(b"\n"):
            raise _malformed_pax()
        key, equals, value = record[:-1].partition(b"=")
        if not equals or not key or b"\0" in key:
            raise _malformed_pax()
        yield key, value
        position = end


def _malformed_pax() -> InvalidParameter:
    return InvalidParameter("archive/tar: invalid tar header: malformed extended header")


def _pax_integer(records: Mapping[bytes, bytes], key: bytes, default: int) -> int:
    text = records.get(key)
    if text is None:
        return default
    match = _DECIMAL.fullmatch(text)
    if match is None or match[3] is not None:
        raise _malformed_pax()
    return int(text)


def _pax_size(records: Mapping[bytes, bytes], default: int) -> int:
    size = _pax_integer(records, b"size", default)
    if size < 0:
        raise _malformed_pax()
    return size


def _pax_time(records: Mapping[bytes, bytes], default: int) -> int:
    text = records.get(b"mtime")
    if text is None:
        return default
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise _malformed_pax()
    nanoseconds = int(match[2]) * 1_000_000_000 + int(((match[3] or b"") + b"000000000")[:9])
    return clamp_time(-nanoseconds if match[1] else nanoseconds)
