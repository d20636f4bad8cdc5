"""Writes EROFS images: read-only file systems, made as any user, mounted by the guest's kernel.

Blocks of 4 KiB, nothing compressed.  Contents go straight to the file while the tree is collected
as records; `Image.finish` puts inodes and directories behind them:

    block 0         the superblock, at byte 1024
    block 1 ...     contents of files, and of large directories
    then            inodes, in slots of 32 bytes; links and small directories follow their inode

Source: Linux, fs/erofs/erofs_fs.h, and kernel docs, filesystems/erofs.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable, Iterator
from typing import IO, BinaryIO

from lab.errors import InvalidParameter
from lab.sandbox.vm.erofs_tree import Node, directory, put, symlink

__all__ = ["BLOCK", "Image", "Node", "directory", "put", "symlink"]

BLOCK = 4096

_MAGIC = 0xE0F5E1E2
_SUPER_AT = 1024
_SUPER = struct.Struct("<IIIBBHQQIIII16s16sIHHHBBIQ24x")
_CHECKSUMMED, _WITH_TIMES = 1, 2
_INODE = struct.Struct("<HHHHQIIIIQII16x")
_DIRENT = struct.Struct("<QHBx")
_SLOT = 32
_PLAIN, _INLINE = 0, 2
_LONG_INODE = 1
_XATTR_HEADER = 12
_XATTR_PREFIXES = ((b"user.", 1), (b"trusted.", 4), (b"security.", 6))
_TYPES = {
    stat.S_IFREG: 1,
    stat.S_IFDIR: 2,
    stat.S_IFCHR: 3,
    stat.S_IFBLK: 4,
    stat.S_IFIFO: 5,
    stat.S_IFSOCK: 6,
    stat.S_IFLNK: 7,
}
_MAX_NAME = 255
_PIECE = 1 << 20


class Image:
    """One image under construction: `root` is its tree, to be filled by the caller.

    `identity` are 16 bytes that name the image.
    """

    def __init__(self, file: BinaryIO | IO[bytes], identity: bytes = bytes(16)) -> None:
        self.root = directory()
        self._file = file
        self._identity = identity
        self._file.write(bytes(BLOCK))
        self._blocks = 1

    def file(self, pieces: Iterable[bytes | memoryview], permissions: int = 0o644) -> Node:
        """Store a file's content now; return its node."""
        first = self._blocks
        size = 0
        for piece in pieces:
            self._file.write(piece)
            size += len(piece)
        self._pad(size)
        return Node(stat.S_IFREG | permissions, size=size, block=first if size else 0)

    def copy(self, path: str | os.PathLike[str], permissions: int = 0o644) -> Node:
        """Store the content of a file of the host's; return its node."""
        with open(path, "rb", buffering=0) as source:
            return self.file(iter(lambda: source.read(_PIECE), b""), permissions)

    def finish(self) -> None:
        """Write inodes, directories and the superblock.  Raises InvalidParameter for what EROFS
        cannot hold."""
        nodes = list(_walk(self.root))
        self._place_large_directories(nodes)
        place = _Placement()
        for node, _ in nodes:  # the root comes first: its number has 16 bits only
            node.nid = place.next(node)
        for node, parent in nodes:
            if node.is_directory and _is_large(node):
                self._rewrite(node, parent)
        metadata = place.fill(nodes)
        start = self._blocks
        self._file.write(metadata)
        self._pad(len(metadata))
        self._write_super(start, len(nodes))
        self._file.flush()

    def _pad(self, size: int) -> None:
        self._file.write(bytes(-size % BLOCK))
        self._blocks += -(-size // BLOCK)

    def _place_large_directories(self, nodes: list[tuple[Node, Node]]) -> None:
        """Reserve blocks for them; what they hold is known once all inodes have a place."""
        for node, _ in nodes:
            if not node.is_directory:
                continue
            node.size = _directory_size(node)
            if _is_large(node):
                node.block = self._blocks
                self._file.write(bytes(node.size))
                self._pad(node.size)

    def _rewrite(self, node: Node, parent: Node) -> None:
        self._file.seek(node.block * BLOCK)
        self._file.write(_directory_content(node, parent))
        self._file.seek(0, os.SEEK_END)

    def _write_super(self, metadata: int, inodes: int) -> None:
        def packed(checksum: int) -> bytes:
            return _SUPER.pack(
                _MAGIC,
                checksum,
                _CHECKSUMMED | _WITH_TIMES,
                BLOCK.bit_length() - 1,
                0,
                self.root.nid,
                inodes,
                0,  # build time: inodes have their own
                0,
                self._blocks,
                metadata,
                0,
                self._identity,
                bytes(16),  # no name
                *(0,) * 8,
            )

        rest = bytes(BLOCK - _SUPER_AT - _SUPER.size)
        self._file.seek(_SUPER_AT)
        self._file.write(packed(_crc32c(packed(0) + rest)))
        self._file.seek(0, os.SEEK_END)


class _Placement:
    """Gives inodes their places, and fills them."""

    def __init__(self) -> None:
        self._end = 0

    def next(self, node: Node) -> int:
        """Return the number of the inode: its slot.  What is inline may not cross a block's end."""
        head = _INODE.size + len(_xattrs(node))
        tail = node.size if _is_inline(node) else 0
        if head + tail > BLOCK:
            raise InvalidParameter("a link or the attributes of a file are too long for an image")
        room = BLOCK - self._end % BLOCK
        if room < head + tail:
            self._end += room
        number = self._end // _SLOT
        self._end += head + tail
        self._end += -self._end % _SLOT
        return number

    def fill(self, nodes: list[tuple[Node, Node]]) -> bytearray:
        metadata = bytearray(self._end)
        for number, (node, parent) in enumerate(nodes):
            at = node.nid * _SLOT
            packed = _inode(node, number + 1) + _xattrs(node)
            if _is_inline(node):
                packed += _directory_content(node, parent) if node.is_directory else node.content
            metadata[at : at + len(packed)] = packed
        return metadata


def _walk(root: Node) -> Iterator[tuple[Node, Node]]:
    """Yield every inode once, with the directory that it was found in, and count its names."""
    root.links = 2
    seen: set[int] = {id(root)}
    pending = [(root, root)]
    while pending:
        node, parent = pending.pop()
        yield node, parent
        for name in sorted(node.children, reverse=True):
            child = node.children[name]
            if not name or len(name) > _MAX_NAME or b"/" in name:
                raise InvalidParameter(f"a name cannot be stored: {name[:64]!r}")
            if id(child) in seen:
                child.links += 1
                continue
            seen.add(id(child))
            child.links = 2 if child.is_directory else 1
            node.links += child.is_directory
            if stat.S_ISLNK(child.mode):
                child.size = len(child.content)
            pending.append((child, node))


def _is_large(node: Node) -> bool:
    return _INODE.size + len(_xattrs(node)) + node.size > BLOCK


def _is_inline(node: Node) -> bool:
    return stat.S_ISLNK(node.mode) or (node.is_directory and not _is_large(node))


def _inode(node: Node, number: int) -> bytes:
    layout = _INLINE if _is_inline(node) else _PLAIN
    xattrs = len(_xattrs(node))
    return _INODE.pack(
        layout << 1 | _LONG_INODE,
        (xattrs - _XATTR_HEADER) // 4 + 1 if xattrs else 0,
        node.mode,
        0,
        node.size,
        _device(node) if stat.S_IFMT(node.mode) in (stat.S_IFCHR, stat.S_IFBLK) else node.block,
        number,
        node.uid,
        node.gid,
        node.mtime_ns // 1_000_000_000,
        node.mtime_ns % 1_000_000_000,
        node.links,
    )


def _device(node: Node) -> int:
    """The kernel's own encoding.  Source: Linux, include/linux/kdev_t.h, new_encode_dev."""
    major, minor = node.device
    return (minor & 0xFF) | major << 8 | (minor & ~0xFF) << 12


def _xattrs(node: Node) -> bytes:
    if not node.xattrs:
        return b""
    entries = [bytes(_XATTR_HEADER)]
    for name, value in sorted(node.xattrs.items()):
        for prefix, index in _XATTR_PREFIXES:
            if name.startswith(prefix):
                short = name.removeprefix(prefix)
                entry = struct.pack("<BBH", len(short), index, len(value)) + short + value
                entries.append(entry + bytes(-len(entry) % 4))
    return b"".join(entries) if len(entries) > 1 else b""


def _listing(node: Node) -> list[tuple[bytes, Node | None]]:
    return sorted([(b".", None), (b"..", None), *node.children.items()], key=lambda pair: pair[0])


def _grouped(node: Node) -> Iterator[list[tuple[bytes, Node | None]]]:
    """Yield the entries block by block."""
    group: list[tuple[bytes, Node | None]] = []
    used = 0
    for entry in _listing(node):
        size = _DIRENT.size + len(entry[0])
        if used + size > BLOCK:
            yield group
            group, used = [], 0
        group.append(entry)
        used += size
    yield group


def _directory_size(node: Node) -> int:
    groups = list(_grouped(node))
    last = sum(_DIRENT.size + len(name) for name, _ in groups[-1])
    return (len(groups) - 1) * BLOCK + last


def _directory_content(node: Node, parent: Node) -> bytes:
    """Each block stands for itself: its entries, then their names; the whole is in order."""
    blocks = []
    for group in _grouped(node):
        at = _DIRENT.size * len(group)
        entries = []
        for name, child in group:
            target = child or (node if name == b"." else parent)
            entries.append(_DIRENT.pack(target.nid, at, _TYPES[stat.S_IFMT(target.mode)]))
            at += len(name)
        content = b"".join(entries) + b"".join(name for name, _ in group)
        blocks.append(content.ljust(BLOCK, b"\0"))
    return b"".join(blocks)[: node.size]


def _crc32c(data: bytes) -> int:
    """The checksum of superblocks: Castagnoli's polynomial, without the last inversion."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc
