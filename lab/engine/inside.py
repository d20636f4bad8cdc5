"""What is at a path of a container, whose root is an open directory: looked at, and archived.

Paths are absolute, as the container sees them; links are followed as inside of it, so that none
leads out.  All of it blocks.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from lab.build.rootfs import RootFs
from lab.errors import InvalidParameter, SyscallError
from lab.image.pack import Packer
from lab.image.streams import batched
from lab.image.tar_writer import END
from lab.kernel import trees
from lab.kernel.idmap import IdMap
from lab.kernel.openat2 import Resolve, openat2
from lab.kernel.trees import Node

_IN_ROOT = int(Resolve.IN_ROOT | Resolve.NO_MAGICLINKS)
_ANY = os.O_PATH | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_KERNELS_OWN = ("/dev", "/dev/pts", "/dev/mqueue", "/proc", "/sys", "/sys/fs/cgroup")
"""Where file systems are mounted that hold no files: as with Docker their directories are empty."""


@dataclass(frozen=True, slots=True)
class PathStat:
    """What is at a path: `mode` as stat(2) has it, `target` where a link leads in the end."""

    name: str
    size: int
    mode: int
    mtime_ns: int
    target: str = ""


def absolute(path: str) -> str:
    """Return a path from the container's root; a `/` or `/.` at its end, which means what a link
    leads to, is kept."""
    clean = "/" + posixpath.normpath("/" + path).lstrip("/")
    if path.endswith("/.") or path == ".":
        return clean.rstrip("/") + "/."
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def _open(root: int, path: str, flags: int) -> int:
    try:
        return openat2(root, os.fsencode(path), flags, 0, _IN_ROOT)
    except SyscallError as error:
        # by the names that Python has for the commoner errors
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from None


def look(root: int, path: str, ids: IdMap) -> PathStat:
    follows = path.endswith(("/", "/."))
    fd = _open(root, path, _ANY | (os.O_DIRECTORY if follows else os.O_NOFOLLOW))
    try:
        status = os.fstat(fd)
    finally:
        os.close(fd)
    target = ""
    if stat.S_ISLNK(status.st_mode):
        with RootFs(Path(f"/proc/self/fd/{root}"), ids) as tree:
            target = tree.resolve(path)
    name = posixpath.basename(path.rstrip("/")) or "/"
    return PathStat(name, status.st_size, status.st_mode, status.st_mtime_ns, target)


def pack(root: int, path: str, status: PathStat, ids: IdMap) -> Generator[bytes, None, None]:
    """Yield the archive of what is at `path`: a directory under its name, with all it holds."""
    if stat.S_ISDIR(status.mode):
        fd = _open(root, path, _DIRECTORY)
        top = b"" if status.name == "/" else os.fsencode(status.name)
        packer = Packer(ids, layer=False, top=top)
        nodes = _whole(fd, _kernels_devices(root))
    else:
        parent, name = posixpath.split(path)
        fd = _open(root, parent, _DIRECTORY)
        packer = Packer(ids, layer=False)
        nodes = iter([Node(os.fsencode(name), os.lstat(name, dir_fd=fd))])
    try:
        # thousands of small pieces would each take a turn of their own
        yield from batched(chain.from_iterable(_readable(packer, fd, node) for node in nodes))
        yield END
    finally:
        os.close(fd)


def _readable(packer: Packer, root: int, node: Node) -> Iterator[bytes]:
    """Yield a node's bytes; what nobody may read is left out, as with Docker."""
    try:
        yield from packer.member(root, node)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM):
            raise


def _whole(directory: int, closed: frozenset[int]) -> Iterator[Node]:
    """Yield the directory and all below it, without what is on devices that are `closed`."""
    top = Node(b"", os.fstat(directory))
    pending = [iter([top])]
    while pending:
        node = next(pending[-1], None)
        if node is None:
            pending.pop()
            continue
        yield node
        if node.is_directory and node.stat.st_dev not in closed:
            pending.append(iter(trees.scan(directory, node.path)))


def _kernels_devices(root: int) -> frozenset[int]:
    """Return the devices of the kernel's own file systems below a container's root."""
    own = os.fstat(root).st_dev
    found = set()
    for path in _KERNELS_OWN:
        try:
            fd = _open(root, path, _ANY)
        except OSError:
            continue
        found.add(os.fstat(fd).st_dev)
        os.close(fd)
    return frozenset(found - {own})


def destination(root: int, path: str, ids: IdMap) -> str:
    """Return where a directory is, without links."""
    with RootFs(Path(f"/proc/self/fd/{root}"), ids) as tree:
        place = tree.resolve(path)
        status = tree.status(place)
    if status is None:
        raise FileNotFoundError(path)
    if not stat.S_ISDIR(status.st_mode):
        raise InvalidParameter("extraction point is not a directory")
    return place
