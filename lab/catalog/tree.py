"""A file system as records: read from archives and folders, written as archives.

Nothing of it is ever unpacked on the host, so owners and modes need no privilege.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lab.errors import InvalidParameter
from lab.image.tar import BLOCK, WHITEOUT_PREFIX, Kind, Member, display, safe_parts
from lab.image.tar_reader import TarReader
from lab.image.tar_writer import END, header

_PIECE = 1 << 20


class Slice(NamedTuple):
    """`size` bytes of an open file, from `offset` on."""

    fd: int
    offset: int
    size: int


Content = bytes | Slice


class Node(NamedTuple):
    """One entry.  `member.name` says nothing here: the place in the tree is the name."""

    member: Member
    content: Content = b""


class Scratch:
    """Keeps the content of files out of memory: one nameless file in `folder`, until closed."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._end = 0

    def keep(self, pieces: Iterable[bytes | memoryview]) -> Slice:
        """Store the pieces, one after the other."""
        start = self._end
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[self._file.write(rest) :]
            self._end += len(piece)
        return Slice(self._file.fileno(), start, self._end - start)

    def close(self) -> None:
        self._file.close()


class Tree:
    """Entries by path; a path is bytes without slashes at its ends, such as `usr/bin/env`."""

    def __init__(self, nodes: dict[bytes, Node] | None = None) -> None:
        self.nodes: dict[bytes, Node] = {} if nodes is None else nodes

    def directory(self, path: str, mode: int = 0o755) -> None:
        """Add a directory, owned by root."""
        self._put(path, Node(Member(b"", Kind.DIRECTORY, mode=mode)))

    def symlink(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._put(path, Node(Member(b"", Kind.SYMLINK, mode=0o777, link=target.encode())))

    def file(self, path: str, content: Content, mode: int = 0o644) -> None:
        """Add a file, owned by root, and the directories above it that are not there."""
        size = len(content) if isinstance(content, bytes) else content.size
        self._put(path, Node(Member(b"", Kind.FILE, size=size, mode=mode), content))

    def _put(self, path: str, node: Node) -> None:
        for parent in reversed(parents(path.encode())):
            if parent not in self.nodes:
                self.nodes[parent] = Node(Member(b"", Kind.DIRECTORY, mode=0o755))
        self.nodes[path.encode()] = node

    def with_layer(self, layer: Tree) -> Tree:
        """Return this tree as it looks with `layer`, whiteouts included, on top of it."""
        gone = {path for path in map(_whited_out, layer.nodes) if path}
        kept = {
            path: node
            for path, node in self.nodes.items()
            if path not in gone and gone.isdisjoint(parents(path))
        }
        fresh = {path: node for path, node in layer.nodes.items() if not _whited_out(path)}
        return Tree(kept | fresh)

    def not_later_than(self, seconds: int) -> Tree:
        """Return the tree with later times of change set back to `seconds` since 1970."""
        limit = seconds * 1_000_000_000
        return Tree(
            {
                path: node._replace(member=node.member._replace(mtime_ns=limit))
                if node.member.mtime_ns > limit
                else node
                for path, node in self.nodes.items()
            }
        )

    def dated(self, seconds: int) -> Tree:
        """Return the tree with one time of change for all entries."""
        stamp = seconds * 1_000_000_000
        return Tree(
            {
                path: node._replace(member=node.member._replace(mtime_ns=stamp))
                for path, node in self.nodes.items()
            }
        )

    @property
    def size(self) -> int:
        """Bytes of content of all files."""
        return sum(node.member.size for node in self.nodes.values())


def read_tree(reader: TarReader, scratch: Scratch | None = None) -> Tree:
    """Return the tree in an archive; contents go to `scratch`, or stay in memory.

    Of several hard links to one file, the first in order is the file.  Raises UnsafePath for a
    name that leads out of the archive.
    """
    nodes: dict[bytes, Node] = {}
    for member in reader:
        path = b"/".join(safe_parts(member.name))
        if not path:
            continue
        content: Content = b""
        if member.kind is Kind.FILE:
            content = scratch.keep(reader.data()) if scratch else b"".join(reader.data())
        elif member.kind is Kind.HARDLINK:
            member = member._replace(link=b"/".join(safe_parts(member.link)))
        nodes[path] = Node(member, content)
    return Tree(_with_first_links(nodes))


def read_folder(folder: Path) -> Tree:
    """Return the files of a folder on the host, owned by root; scripts are executable."""
    tree = Tree()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            mode = 0o755 if content.startswith(b"#!") else 0o644
            tree.file(path.relative_to(folder).as_posix(), content, mode)
    return tree


def archive(tree: Tree) -> Iterator[bytes]:
    """Yield the tree as a tar archive, in the order of the names."""
    yield from entries(tree)
    yield END


def entries(tree: Tree) -> Iterator[bytes]:
    """Yield the tree's members without the archive's end."""
    for path in sorted(tree.nodes):
        node = tree.nodes[path]
        is_directory = node.member.kind is Kind.DIRECTORY
        yield header(node.member._replace(name=path + b"/" if is_directory else path))
        yield from pieces(node.content)
        if padding := -node.member.size % BLOCK:
            yield bytes(padding)


def pieces(content: Content) -> Iterator[bytes]:
    """Yield a file's content in pieces of at most 1 MiB."""
    if isinstance(content, bytes):
        yield content
        return
    offset, left = content.offset, content.size
    while left:
        piece = os.pread(content.fd, min(left, _PIECE), offset)
        if not piece:
            raise InvalidParameter("unexpected EOF: a scratch file is cut short")
        yield piece
        offset += len(piece)
        left -= len(piece)


def parents(path: bytes) -> list[bytes]:
    """Return the directories above `path`, the nearest first; the root is left out."""
    found = []
    while slash := path.rpartition(b"/")[0]:
        found.append(slash)
        path = slash
    return found


def linked_file(nodes: dict[bytes, Node], path: bytes) -> Node:
    """Return the file that a hard link means; any other node is returned as it is."""
    node = nodes[path]
    seen = {path}
    while node.member.kind is Kind.HARDLINK:
        target = node.member.link
        if target in seen or target not in nodes:
            raise InvalidParameter(f"{display(path)} is a link to nothing: {display(target)}")
        seen.add(target)
        node = nodes[target]
    return node


def _with_first_links(nodes: dict[bytes, Node]) -> dict[bytes, Node]:
    """Return the nodes with each file at the first of its names, so that equal trees are equal."""
    names: dict[int, list[bytes]] = {}
    for path, node in nodes.items():
        if node.member.kind is Kind.HARDLINK:
            file = linked_file(nodes, path)
            names.setdefault(id(file), []).append(path)
    changed = dict(nodes)
    for path, node in nodes.items():
        if id(node) not in names:
            continue
        first, *others = sorted([path, *names[id(node)]])
        changed[first] = node
        for other in others:
            # engines also set owner and mode when they make the link
            changed[other] = Node(node.member._replace(kind=Kind.HARDLINK, size=0, link=first))
    return changed


def _whited_out(path: bytes) -> bytes:
    """Return the path that a whiteout hides; empty if `path` is none."""
    folder, slash, name = path.rpartition(b"/")
    if not name.startswith(WHITEOUT_PREFIX):
        return b""
    return folder + slash + name[len(WHITEOUT_PREFIX) :]
