"""The tar stream of `POST /build` -> a Context.

Names that climb out, absolute names and links are contained, as in Docker, whose client's root
is the context.  A damaged or truncated stream, one that is too large, and a full disk raise an
error and leave nothing.

The checksum of a member is Docker's "tarsum" version 1: it covers the header without the time,
and the content.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import shutil
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from lab.build.context import Context, Entry, Kind
from lab.build.golang import clean
from lab.build.rootfs import write_all
from lab.errors import InvalidParameter, LabError
from lab.image import tar
from lab.image.streams import decompress
from lab.image.tar_reader import TarReader
from lab.oci.digest import Hash

MAX_BYTES = 8 << 30
"""Bytes that a context may have when unpacked, unless the caller says otherwise."""

MAX_NAMES = 256 << 20
"""Bytes of memory that names, with what is noted about each, may take."""

_MAX_PATH = 4096
_ENTRY_COST = 256
_FLAGS = {
    tar.Kind.FILE: "0",
    tar.Kind.HARDLINK: "1",
    tar.Kind.SYMLINK: "2",
    tar.Kind.DIRECTORY: "5",
    tar.Kind.FIFO: "6",
}


def unpack(stream: BinaryIO, scratch: Path, limit: int = MAX_BYTES) -> Context:
    """Read a context, plain or compressed, into the folder `scratch`, which must not exist.

    Raises InvalidParameter for a malformed stream, one that does not end where it should, or
    more than `limit` bytes; LabError when the disk is full.  The caller closes the context.
    """
    try:
        scratch.mkdir(mode=0o700)
        context = Context(scratch)
        unpacker = _Unpacker(context, TarReader(decompress(stream, "")), limit)
        unpacker.run()
    except InvalidParameter as error:
        shutil.rmtree(scratch, ignore_errors=True)
        raise _failed(error.message) from None
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return context


class _Unpacker:
    def __init__(self, context: Context, reader: TarReader, limit: int) -> None:
        self._context = context
        self._reader = reader
        self._left = limit
        self._limit = limit
        self._names_left = MAX_NAMES
        self._contents = 0

    def run(self) -> None:
        for member in self._reader:
            if max(len(member.name), len(member.link)) > _MAX_PATH:
                raise InvalidParameter(f"{tar.display(member.name[:64])}...: file name too long")
            # devices cannot be made in a user namespace; rootless Docker leaves them out too
            if member.kind in _FLAGS:
                self._add(member)

    def _add(self, member: tar.Member) -> None:
        name = clean("/" + os.fsdecode(member.name))[1:]
        path = posixpath.join(self._directory(posixpath.dirname(name)), posixpath.basename(name))
        running = hashlib.sha256(_header(member))
        entry = self._entry(member, path, running)
        if path == "" and entry.kind is not Kind.DIRECTORY:
            raise InvalidParameter("open /: is a directory")
        self._put(path, entry)

    def _entry(self, member: tar.Member, path: str, running: Hash) -> Entry:
        if member.kind is tar.Kind.HARDLINK:
            return self._linked(member, path, running.hexdigest())
        is_file = member.kind is tar.Kind.FILE
        content = self._store(path, running, member.size) if is_file else -1
        return Entry(
            _KINDS[member.kind],
            member.mode,
            member.mtime_ns,
            running.hexdigest(),
            os.fsdecode(member.link) if member.kind is tar.Kind.SYMLINK else "",
            content,
            (member.uid, member.gid),
            tuple(member.xattrs.items()),
        )

    def _linked(self, member: tar.Member, path: str, checksum: str) -> Entry:
        target = clean("/" + os.fsdecode(member.link))[1:]
        inside = posixpath.join(
            self._context.resolve(posixpath.dirname(target)), posixpath.basename(target)
        )
        entry = self._context.get(inside)
        if entry is None or entry.kind is Kind.DIRECTORY:
            reason = "no such file or directory" if entry is None else "operation not permitted"
            raise InvalidParameter(f"link /{target} /{path}: {reason}")
        return replace(entry, checksum=checksum)

    def _store(self, path: str, running: Hash, size: int) -> int:
        """Keep the member's content, in the scratch folder or in memory; return its number."""
        self._contents += 1
        if self._context.takes(size):
            self._pay(size)
            content = b"".join(map(bytes, self._reader.data()))
            running.update(content)
            self._context.hold(self._contents, content)
            return self._contents
        target = self._context.scratch / str(self._contents)
        try:
            with open(target, "xb", buffering=0) as file:
                for piece in self._reader.data():
                    self._pay(len(piece))
                    running.update(bytes(piece))
                    write_all(file.fileno(), piece)
        except OSError as error:
            raise LabError(
                f"Error processing tar file(exit status 1): write /{path}:"
                f" {os.strerror(error.errno or 0).lower()}"
            ) from None
        return self._contents

    def _directory(self, name: str) -> str:
        """Return the directory's path without links; what is missing of it is made."""
        path = self._context.resolve(name)
        made = ""
        for part in path.split("/") if path else ():
            made = posixpath.join(made, part)
            entry = self._context.get(made)
            if entry is None:
                self._put(made, Entry(Kind.DIRECTORY, 0o755))
            elif entry.kind is not Kind.DIRECTORY:
                raise InvalidParameter(f"open /{name}: not a directory")
        return path

    def _put(self, path: str, entry: Entry) -> None:
        noted = sum(len(key) + len(value) for key, value in entry.attributes)
        self._names_left -= len(path) + len(entry.target) + noted + _ENTRY_COST
        if self._names_left < 0:
            raise InvalidParameter("the build context has too many files")
        self._context.put(path, entry)

    def _pay(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise InvalidParameter(f"the build context is larger than {self._limit} bytes")


_KINDS = {
    tar.Kind.FILE: Kind.FILE,
    tar.Kind.SYMLINK: Kind.LINK,
    tar.Kind.DIRECTORY: Kind.DIRECTORY,
    tar.Kind.FIFO: Kind.FIFO,
}


def _header(member: tar.Member) -> bytes:
    """Return what the checksum covers of a header: keys and values, without separators."""
    words: list[str | bytes] = [
        "name",
        member.name,
        f"mode{member.mode}uid{member.uid}gid{member.gid}size{member.size}",
        f"typeflag{_FLAGS[member.kind]}linkname",
        member.link,
        "unamegname",
        f"devmajor{member.device[0]}devminor{member.device[1]}",
    ]
    for key in sorted(member.xattrs):
        words += [key, member.xattrs[key]]
    return b"".join(word if isinstance(word, bytes) else word.encode() for word in words)


def _failed(message: str) -> InvalidParameter:
    return InvalidParameter(f"Error processing tar file(exit status 1): {message}")
