"""Reads the images that the tests look into: written from the format's description, and for
nothing but what the lab's own writer makes.  Source: Linux, fs/erofs/erofs_fs.h.
"""

from __future__ import annotations

import stat
import struct
from pathlib import Path
from typing import NamedTuple

_BLOCK = 4096
_PREFIXES = {1: b"user.", 4: b"trusted.", 6: b"security."}


class Found(NamedTuple):
    """What the image says of one inode; `content` of directories is not kept."""

    number: int
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    links: int
    device: int
    size: int
    xattrs: dict[bytes, bytes]
    content: bytes


def read_image(path: Path) -> dict[str, Found]:
    """Return everything in the image by its path; the root is the empty one."""
    image = path.read_bytes()
    magic, _, _, bits, _, root = struct.unpack_from("<IIIBBH", image, 1024)
    assert magic == 0xE0F5E1E2
    assert 1 << bits == _BLOCK
    blocks, metadata = struct.unpack_from("<II", image, 1024 + 36)
    assert blocks * _BLOCK == len(image)
    reader = _Reader(image, metadata * _BLOCK)
    found: dict[str, Found] = {}
    pending = [("", root, root)]
    while pending:
        name, number, parent = pending.pop()
        found[name] = node = reader.node(number)
        if stat.S_ISDIR(node.mode):
            entries = _entries(node.content)
            assert entries.pop(".") == number
            assert entries.pop("..") == parent
            pending += [(f"{name}/{child}", nid, number) for child, nid in entries.items()]
    return {name.removeprefix("/"): node for name, node in found.items()}


class _Reader:
    def __init__(self, image: bytes, start: int) -> None:
        self._image = image
        self._start = start

    def node(self, number: int) -> Found:
        at = self._start + number * 32
        fields = struct.unpack_from("<HHHHQIIIIQII", self._image, at)
        layout, attributes, mode, _, size, where, _, uid, gid, seconds, nanoseconds, links = fields
        assert layout & 1
        tail = at + 64
        xattrs = {}
        if attributes:
            length = 12 + 4 * (attributes - 1)
            xattrs = _xattrs(self._image[tail + 12 : tail + length])
            tail += length
        is_inline = layout >> 1 & 7 == 2
        if is_inline and size:
            assert at // _BLOCK == (tail + size - 1) // _BLOCK
        start = tail if is_inline else where * _BLOCK
        mtime = seconds * 10**9 + nanoseconds
        has_content = stat.S_IFMT(mode) in (stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR)
        content = self._image[start : start + size] if has_content else b""
        return Found(number, mode, uid, gid, mtime, links, where, size, xattrs, content)


def _entries(content: bytes) -> dict[str, int]:
    names: list[tuple[bytes, int]] = []
    for start in range(0, len(content), _BLOCK):
        block = content[start : start + _BLOCK]
        count = struct.unpack_from("<QH", block)[1] // 12
        heads = [struct.unpack_from("<QHB", block, 12 * index) for index in range(count)]
        ends = [head[1] for head in heads[1:]] + [len(block)]
        names += [
            (block[head[1] : end].rstrip(b"\0"), head[0])
            for head, end in zip(heads, ends, strict=True)
        ]
    assert names == sorted(names), "the kernel searches by halves"
    return {name.decode(): number for name, number in names}


def _xattrs(content: bytes) -> dict[bytes, bytes]:
    found = {}
    while content:
        name_length, prefix, length = struct.unpack_from("<BBH", content)
        name = content[4 : 4 + name_length]
        found[_PREFIXES[prefix] + name] = content[4 + name_length : 4 + name_length + length]
        content = content[(4 + name_length + length + 3) // 4 * 4 :]
    return found
