"""Writes tar headers: ustar, with pax records where a value does not fit.

The text of a header depends on the member alone, so equal trees give equal archives.
"""

from __future__ import annotations

import struct

from lab.image.tar import BLOCK, KINDS, XATTR_PREFIX, Kind, Member

END = bytes(2 * BLOCK)
"""What ends an archive."""

_LAYOUT = struct.Struct("100s8s8s8s12s12s8s1s100s6s2s32s32s8s8s155s12x")
_FLAGS = {kind: flag for flag, kind in reversed(KINDS.items())}
_MAX_NAME = 100
_MAX_ID = 0o7777777
_MAX_SIZE = 0o77777777777
_NO_SUM = b" " * 8
_SUM = 148
"""Where in a block the sum of its bytes is."""
_EXTENSION = Member(b"PaxHeaders.0/member", Kind.FILE)


def header(member: Member) -> bytes:
    """Return the blocks that precede the member's content.

    Times are written in whole seconds, as Docker writes them.
    """
    records = _records(member)
    if not records:
        return _block(member, _FLAGS[member.kind])
    content = b"".join(_record(key, value) for key, value in records)
    extension = _block(_EXTENSION._replace(size=len(content)), b"x")
    return extension + content + padding(len(content)) + _block(member, _FLAGS[member.kind])


def padding(size: int) -> bytes:
    """Return the zeros that fill up the last block of `size` bytes of content."""
    return bytes(-size % BLOCK)


def _records(member: Member) -> list[tuple[bytes, bytes]]:
    records = []
    if len(member.name) > _MAX_NAME:
        records.append((b"path", member.name))
    if len(member.link) > _MAX_NAME:
        records.append((b"linkpath", member.link))
    for key, value, limit in (
        (b"size", member.size, _MAX_SIZE),
        (b"uid", member.uid, _MAX_ID),
        (b"gid", member.gid, _MAX_ID),
    ):
        if value > limit:
            records.append((key, b"%d" % value))
    records.extend((XATTR_PREFIX + name, value) for name, value in sorted(member.xattrs.items()))
    return records


def _record(key: bytes, value: bytes) -> bytes:
    """Return `LENGTH KEY=VALUE\\n`, where LENGTH counts its own digits too."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) > len(str(rest)):
        length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)


def _block(member: Member, flag: bytes) -> bytes:
    major, minor = member.device
    has_device = member.kind in (Kind.CHARACTER, Kind.BLOCK)
    block = _LAYOUT.pack(
        member.name[:_MAX_NAME],
        b"%07o" % member.mode,
        b"%07o" % min(member.uid, _MAX_ID),
        b"%07o" % min(member.gid, _MAX_ID),
        b"%011o" % min(member.size, _MAX_SIZE),
        b"%011o" % (member.mtime_ns // 1_000_000_000),
        _NO_SUM,
        flag,
        member.link[:_MAX_NAME],
        b"ustar",
        b"00",
        b"",
        b"",
        b"%07o" % major if has_device else b"",
        b"%07o" % minor if has_device else b"",
        b"",
    )
    return block[:_SUM] + b"%06o\0 " % sum(block) + block[_SUM + len(_NO_SUM) :]
