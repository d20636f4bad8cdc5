"""Turns a directory into a layer: an overlay's upper directory as the archive of its changes.

Equal trees give equal bytes: members are sorted, times are whole seconds, names of users are
left out, and the compressed stream has no time in it.  Source: OCI image-spec, layer.md.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lab.image import attributes
from lab.image.blobs import BlobStore
from lab.image.gzipped import gzipped
from lab.image.streams import batched, run_ahead
from lab.image.tar import KIND_OF_TYPE, OPAQUE_NAME, WHITEOUT_PREFIX, Kind, Member, clamp_time
from lab.image.tar_writer import END, header, padding
from lab.image.twin import Twin
from lab.kernel import trees
from lab.kernel.idmap import IdMap
from lab.kernel.nearby import Nearby
from lab.kernel.trees import Node
from lab.oci.descriptor import OCI_LAYER_GZIP, Descriptor
from lab.oci.digest import Digest, Hash

_PIECE = 1 << 20
_FILE = os.O_RDONLY | os.O_NONBLOCK
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)


@dataclass(frozen=True, slots=True)
class WrittenLayer:
    """A layer in the blob store: its blob, the digest of its plain archive, and that of its files.

    `size` is the bytes of the files in it, each hard link counted once.
    """

    descriptor: Descriptor
    diff_id: Digest
    size: int


def write_layer(
    upper: Path,
    ids: IdMap,
    blobs: BlobStore,
    progress: Callable[[int], None] | None = None,
    copy: Path | None = None,
) -> WrittenLayer:
    """Store the changes in `upper`, an overlay's upper directory, as a gzip layer.

    Reading, compressing and storing run beside each other.  `progress` is called, in this thread,
    with the bytes of files read so far.  Deletions become `.wh.` members; overlay's own attributes
    are dropped; sockets, and files whose names begin with `.wh.`, cannot be in a layer and are
    left out.  A file that shrinks meanwhile is filled up with zeros.
    `copy`, an empty directory, gets what the layer holds, in overlay's form: both are the same,
    even if somebody changes `upper` meanwhile.
    Raises SyscallError where the disk is full; no blob is left then.
    """
    with ExitStack() as stack:
        twin = None
        if copy is not None:
            twin = Twin(stack.enter_context(trees.opened(copy)), ids)
            stack.callback(twin.close)
        packer = Packer(ids, twin=twin)
        report = None if progress is None else lambda: progress(packer.size)
        root = stack.enter_context(trees.opened(upper))
        descriptor, diff_id = store_layer(packer.archive(root, trees.walk(root)), blobs, report)
        return WrittenLayer(descriptor, diff_id, packer.size)


def store_layer(
    plain: Iterator[bytes], blobs: BlobStore, report: Callable[[], None] | None = None
) -> tuple[Descriptor, Digest]:
    """Compress the pieces of an archive into the blob store; return the blob and the diff id."""
    running = hashlib.sha256()
    with (
        blobs.ingest() as ingest,
        run_ahead(batched(plain)) as pieces,
        run_ahead(gzipped(_hashed(pieces, running))) as packed,
    ):
        for piece in packed:
            ingest.write(piece)
            if report is not None:
                report()
        digest, size = ingest.commit()
    return Descriptor(OCI_LAYER_GZIP, digest, size), Digest.from_hash(running)


def _hashed(pieces: Iterator[bytes], running: Hash) -> Iterator[bytes]:
    for piece in pieces:
        running.update(piece)
        yield piece


class Packer:
    """Turns the nodes of trees into the bytes of one archive.

    `size` is the bytes of content so far.  With `layer` False, marks of overlay are no members
    (the tree is a whole file system, not changes).  With a `top`, the tree's root is a member of
    that name, and all others lie in it; an empty one is `/`.  A `twin` gets a copy of what becomes
    a member.
    """

    def __init__(
        self,
        ids: IdMap,
        layer: bool = True,
        top: bytes | None = None,
        twin: Twin | None = None,
    ) -> None:
        self.size = 0
        self._twin = twin
        self._top = top
        self._ids = ids
        self._layer = layer
        self._first_names: dict[tuple[int, int], bytes] = {}

    def archive(self, root: int, nodes: Iterator[Node]) -> Iterator[bytes]:
        """Yield the whole archive of one tree."""
        with Nearby(root) as near:
            for node in nodes:
                yield from self._member(near, node)
        if self._twin is not None:
            self._twin.finish(os.fstat(root))
        yield END

    def member(self, root: int, node: Node) -> Iterator[bytes]:
        """Yield the bytes of one node, which lies in the tree `root`; nothing if it is gone."""
        with Nearby(root) as near:
            yield from self._member(near, node)

    def _member(self, near: Nearby, node: Node) -> Iterator[bytes]:
        parent, slash, name = node.path.rpartition(b"/")
        kind = KIND_OF_TYPE.get(stat.S_IFMT(node.stat.st_mode))
        if kind is None or (self._layer and name.startswith(WHITEOUT_PREFIX)):
            return
        if trees.is_whiteout(node.stat):
            if self._layer:
                yield header(Member(parent + slash + WHITEOUT_PREFIX + name, Kind.FILE, mode=0))
                if self._twin is not None:
                    self._twin.whiteout(node.path)
            return
        if kind is Kind.DIRECTORY:
            yield from self._directory(near, node)
        elif first := self._first_names.get(_inode(node)):
            yield header(self._described(node, Kind.HARDLINK)._replace(link=self._named(first)))
            if self._twin is not None:
                self._twin.hard_link(first, node.path)
        elif kind is Kind.FILE:
            yield from self._file(near, node)
        else:
            yield from self._special(near, node, kind)

    def _directory(self, near: Nearby, node: Node) -> Iterator[bytes]:
        fd = _open(near, node.path, os.O_RDONLY | os.O_DIRECTORY)
        if fd is None:
            return
        try:
            found = attributes.read(fd)
            is_opaque = self._layer and trees.hides(fd)
        finally:
            os.close(fd)
        member = self._described(node, Kind.DIRECTORY)._replace(xattrs=found)
        yield header(member._replace(name=member.name + b"/"))
        if is_opaque:
            yield header(Member(node.path + b"/" + OPAQUE_NAME, Kind.FILE, mode=0))
        if self._twin is not None:
            self._twin.directory(member, node.path, is_opaque)

    def _file(self, near: Nearby, node: Node) -> Iterator[bytes]:
        fd = _open(near, node.path, _FILE)
        if fd is None:
            return
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return
            self._remember(node)
            member = self._described(Node(node.path, status), Kind.FILE)
            member = member._replace(size=status.st_size, xattrs=attributes.read(fd))
            yield header(member)
            content = self._content(fd, status.st_size)
            if self._twin is not None:
                content = self._twin.file(member, node.path, content)
            yield from content
            yield padding(status.st_size)
        finally:
            os.close(fd)

    def _content(self, fd: int, size: int) -> Iterator[bytes]:
        left = size
        while left:
            piece = os.read(fd, min(left, _PIECE)) or bytes(min(left, _PIECE))
            left -= len(piece)
            self.size += len(piece)
            yield piece

    def _special(self, near: Nearby, node: Node, kind: Kind) -> Iterator[bytes]:
        member = self._described(node, kind)
        if kind is Kind.SYMLINK:
            link = _read_link(near, node.path)
            if link is None:
                return
            self.size += len(link)
            member = member._replace(link=link)
        elif kind is not Kind.FIFO:
            device = node.stat.st_rdev
            member = member._replace(device=(os.major(device), os.minor(device)))
        self._remember(node)
        yield header(member)
        if self._twin is not None:
            self._twin.special(member, node.path)

    def _described(self, node: Node, kind: Kind) -> Member:
        status = node.stat
        return Member(
            self._named(node.path),
            kind,
            0,
            stat.S_IMODE(status.st_mode),
            self._ids.to_container(status.st_uid),
            self._ids.to_container(status.st_gid),
            clamp_time(status.st_mtime_ns),
        )

    def _named(self, path: bytes) -> bytes:
        if self._top is None:
            return path
        return self._top + b"/" + path if path else self._top

    def _remember(self, node: Node) -> None:
        """Let later names of the same file be links to this one, now that it is in the archive."""
        if node.stat.st_nlink > 1:
            self._first_names[_inode(node)] = node.path


def _inode(node: Node) -> tuple[int, int]:
    return (node.stat.st_dev, node.stat.st_ino)


def _open(near: Nearby, path: bytes, flags: int) -> int | None:
    """Open what the walk has seen; None if it is gone, or something else by now."""
    try:
        return near.open(path, flags)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise


def _read_link(near: Nearby, path: bytes) -> bytes | None:
    """Return the target of the link at `path`; None if it is gone."""
    try:
        parent, name = near.split(path)
        return os.readlink(name, dir_fd=parent)
    except OSError as error:
        if error.errno in (*_GONE, errno.EINVAL):
            return None
        raise
