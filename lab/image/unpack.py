"""Puts an archive's members into a directory, in the form that overlay wants of an upper layer.

Deletions become devices 0:0, opaque directories get `user.overlay.opaque`; owners are those that
the sandbox has for the container's ids.  Source: OCI image-spec, layer.md; kernel docs, overlayfs.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from lab.errors import InvalidParameter, SyscallError
from lab.image import attributes
from lab.image.parents import DIRECTORY, Parents, Parts, set_opaque
from lab.image.tar import OPAQUE_NAME, WHITEOUT_PREFIX, Kind, Member, display, safe_parts
from lab.kernel import trees
from lab.kernel.idmap import IdMap

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_METADATA_PREFIX = b".wh..wh."
_ARCHIVES_FAULT = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ELOOP,
    errno.EXDEV,
    errno.EINVAL,
    errno.ENAMETOOLONG,
)


class Unpacker:
    """Writes members below `target`, which nobody else changes meanwhile; a context manager.

    Members never land outside: the kernel resolves their parents with `target` as root.  A later
    member replaces an earlier one of the same name, and two directories are merged.  Devices that
    the kernel does not let a user namespace make are left out, as rootless Docker does, and named
    in `skipped`.  `size` is the bytes of content, `entries` the number of members.
    """

    def __init__(self, target: Path, ids: IdMap, layer: bool = True) -> None:
        """With `layer` False the archive is no layer: a whiteout's name is one like others."""
        self.size = 0
        self.entries = 0
        self.skipped: list[str] = []
        self._ids = ids
        self._layer = layer
        self._times: dict[Parts, int] = {}
        self._root = os.open(target, DIRECTORY | os.O_CLOEXEC)
        self._parents = Parents(self._root, ids)

    def __enter__(self) -> Unpacker:
        return self

    def __exit__(self, *_: object) -> None:
        self._parents.close()
        os.close(self._root)

    def add(self, member: Member, data: Iterator[memoryview]) -> None:
        """Write one member; `data` is its content.

        Raises UnsafePath and InvalidParameter for what is the archive's fault, SyscallError
        (no space, no permission) for what is not; both name the member.
        """
        parts = safe_parts(member.name)
        if not parts:
            return  # the root itself: its owner and mode are the snapshot's, as in Docker
        self.entries += 1
        try:
            if self._layer and WHITEOUT_PREFIX in member.name:
                self._whiteout_or_not(parts, member, data)
            else:
                self._place(parts, member, data)
        except OSError as error:
            raise _explained(error, member.name) from None

    def finish(self) -> None:
        """Set the directories' times, which writing into them has changed."""
        for parts, mtime_ns in self._times.items():
            try:
                fd = self._parents.find(parts, DIRECTORY | os.O_NOFOLLOW)
            except SyscallError:
                continue  # replaced by something else later in the archive
            os.utime(fd, ns=(mtime_ns, mtime_ns))
            os.close(fd)

    def _place(self, parts: Parts, member: Member, data: Iterator[memoryview]) -> None:
        parent = self._parents.get(parts[:-1])
        match member.kind:
            case Kind.FILE:
                self._file(parent, parts[-1], member, data)
            case Kind.DIRECTORY:
                self._directory(parent, parts[-1], member)
                self._times[parts] = member.mtime_ns
            case Kind.HARDLINK:
                self._hardlink(parent, parts[-1], member)
            case Kind.SYMLINK:
                self._symlink(parent, parts[-1], member)
            case _:
                self._node(parent, parts[-1], member)

    def _file(self, parent: int, name: bytes, member: Member, data: Iterator[memoryview]) -> None:
        try:
            fd = os.open(name, _NEW_FILE, 0o600, dir_fd=parent)
        except FileExistsError:
            self._clear(parent, name)
            fd = os.open(name, _NEW_FILE, 0o600, dir_fd=parent)
        try:
            for piece in data:
                while piece:
                    piece = piece[os.write(fd, piece) :]
            self._describe(fd, member)
            os.utime(fd, ns=(member.mtime_ns, member.mtime_ns))
        finally:
            os.close(fd)
        self.size += member.size

    def _directory(self, parent: int, name: bytes, member: Member) -> None:
        self._make_directory(parent, name)
        fd = os.open(name, DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            self._describe(fd, member)
        finally:
            os.close(fd)

    def _make_directory(self, parent: int, name: bytes) -> None:
        """Make a directory where there is none; over a whiteout, one that hides what was below."""
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
            return
        except FileExistsError:
            present = os.lstat(name, dir_fd=parent)
        if stat.S_ISDIR(present.st_mode):
            return
        self._clear(parent, name)
        os.mkdir(name, 0o700, dir_fd=parent)
        if trees.is_whiteout(present):
            set_opaque(parent, name)

    def _hardlink(self, parent: int, name: bytes, member: Member) -> None:
        target = safe_parts(member.link, "hardlink target")
        if not target:
            raise InvalidParameter(f"invalid hardlink target of {display(member.name)!r}")
        source = self._parents.find(target[:-1])
        try:
            _link(source, target[-1], parent, name)
        except FileExistsError:
            self._clear(parent, name)
            _link(source, target[-1], parent, name)
        finally:
            os.close(source)

    def _symlink(self, parent: int, name: bytes, member: Member) -> None:
        try:
            os.symlink(member.link, name, dir_fd=parent)
        except FileExistsError:
            self._clear(parent, name)
            os.symlink(member.link, name, dir_fd=parent)
        self._describe_node(parent, name, member)
        self.size += len(member.link)

    def _node(self, parent: int, name: bytes, member: Member) -> None:
        """Make a device or a fifo."""
        self._clear(parent, name)
        major, minor = member.device
        if not (0 <= major < 1 << 12 and 0 <= minor < 1 << 20):
            raise InvalidParameter(f"invalid device number of {display(member.name)!r}")
        kind = {Kind.CHARACTER: stat.S_IFCHR, Kind.BLOCK: stat.S_IFBLK}.get(
            member.kind, stat.S_IFIFO
        )
        try:
            os.mknod(name, kind | 0o600, os.makedev(major, minor), dir_fd=parent)
        except PermissionError:
            self.skipped.append(display(member.name))
            return
        self._describe_node(parent, name, member)
        os.chmod(name, member.mode, dir_fd=parent)

    def _whiteout_or_not(self, parts: Parts, member: Member, data: Iterator[memoryview]) -> None:
        name = parts[-1]
        if parts[0].startswith(_METADATA_PREFIX) and parts != (OPAQUE_NAME,):
            return  # what AUFS kept for itself
        if any(part.startswith(WHITEOUT_PREFIX) for part in parts[:-1]):
            raise InvalidParameter(f"invalid whiteout entry {display(member.name)!r}")
        if not name.startswith(WHITEOUT_PREFIX):
            self._place(parts, member, data)
        elif name == OPAQUE_NAME:
            os.setxattr(self._parents.get(parts[:-1]), trees.OPAQUE, b"y")
        elif not name.startswith(_METADATA_PREFIX):
            hidden = name.removeprefix(WHITEOUT_PREFIX)
            if hidden in (b"", b".", b".."):
                raise InvalidParameter(f"invalid whiteout entry {display(member.name)!r}")
            _whiteout(self._parents.get(parts[:-1]), hidden)

    def _describe(self, fd: int, member: Member) -> None:
        """Set owner, mode and attributes, in this order: chown(2) clears what follows it."""
        os.fchown(fd, self._ids.to_sandbox(member.uid), self._ids.to_sandbox(member.gid))
        os.fchmod(fd, member.mode)
        if member.xattrs:
            attributes.write(fd, member.xattrs, self._ids)

    def _describe_node(self, parent: int, name: bytes, member: Member) -> None:
        """Set owner and time of what cannot be opened."""
        uid, gid = self._ids.to_sandbox(member.uid), self._ids.to_sandbox(member.gid)
        os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        times = (member.mtime_ns, member.mtime_ns)
        os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)

    def _clear(self, parent: int, name: bytes) -> None:
        """Remove what a member of the same name left, whatever it is."""
        try:
            present = os.lstat(name, dir_fd=parent)
        except FileNotFoundError:
            return
        if not stat.S_ISREG(present.st_mode):
            # paths that led through a directory or a link lead elsewhere now
            self._parents.forget()
        trees.remove(parent, name)


def _link(source: int, target: bytes, parent: int, name: bytes) -> None:
    try:
        os.link(target, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
    except PermissionError:
        # the kernel says so of a directory
        raise InvalidParameter(
            f"invalid hardlink target {display(target)!r} of {display(name)!r}"
        ) from None


def _whiteout(parent: int, hidden: bytes) -> None:
    """Say that `hidden` is deleted from lower layers; what this layer itself has there stays."""
    try:
        os.mknod(hidden, stat.S_IFCHR, 0, dir_fd=parent)
    except FileExistsError:
        if stat.S_ISDIR(os.lstat(hidden, dir_fd=parent).st_mode):
            set_opaque(parent, hidden)


def _explained(error: OSError, name: bytes) -> InvalidParameter | SyscallError:
    if error.errno in _ARCHIVES_FAULT:
        return InvalidParameter(
            f"failed to register layer: {display(name)!r}: {os.strerror(error.errno)}"
        )
    explained = SyscallError(error.errno or errno.EIO, f"write {display(name)!r}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        explained.hint = "remove images and containers that are no longer needed"
    return explained
