"""The tree that becomes an EROFS image: what is in it, without the contents of files."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Node:
    """An inode; under two names it is a hard link.

    `mode` includes the type.  `block` is where the content of a file begins; `content` is a
    link's target, `device` (major, minor), `children` what a directory holds.  `nid` and `links`,
    the number of its names, are the writer's.
    """

    mode: int
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    xattrs: Mapping[bytes, bytes] = field(default_factory=dict)
    size: int = 0
    block: int = 0
    content: bytes = b""
    device: tuple[int, int] = (0, 0)
    children: dict[bytes, Node] = field(default_factory=dict)
    nid: int = -1
    links: int = 0

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)


def directory(permissions: int = 0o755) -> Node:
    """Return a directory of root's, without anything in it."""
    return Node(stat.S_IFDIR | permissions)


def symlink(target: str) -> Node:
    """Return a symbolic link of root's."""
    return Node(stat.S_IFLNK | 0o777, content=os.fsencode(target))


def put(root: Node, path: str, node: Node) -> None:
    """Place a node below `root`; directories on the way are made."""
    *above, name = os.fsencode(path).strip(b"/").split(b"/")
    parent = root
    for part in above:
        parent = parent.children.setdefault(part, directory())
    parent.children[name] = node
