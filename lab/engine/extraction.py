"""An archive's members put into a directory of a container: the way in of `docker cp`."""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lab.build.rootfs import RootFs
from lab.errors import InvalidParameter, LabError
from lab.image.streams import decompress, run_ahead
from lab.image.tar import Kind, Member, display, safe_parts
from lab.image.tar_reader import TarReader
from lab.image.unpack import Unpacker
from lab.kernel.idmap import IdMap

Owner = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Extraction:
    """Where to: `place` is a directory below the open `root`, without links in its path.

    `keep` forbids directories in the place of other things and the other way round; `user` is
    Docker's text for whom all of it is to belong to, empty for those that the archive names.
    """

    root: int
    place: str
    ids: IdMap
    keep: bool
    user: str


def extract(wanted: Extraction, content: BinaryIO) -> None:
    """Unpack an archive, plain or compressed, as it arrives; blocks.

    Raises InvalidParameter and UnsafePath for what is the archive's fault, LabError where `keep`
    forbids, SyscallError where the kernel does.  What was unpacked before stays.
    """
    top = Path(f"/proc/self/fd/{wanted.root}")
    with (
        RootFs(top, wanted.ids) as tree,
        Unpacker(top, wanted.ids, layer=False) as unpacker,
        run_ahead(decompress(content, "")) as chunks,
    ):
        owner = _owner(tree, wanted.user) if wanted.user else None
        guard = _Guard(tree, wanted.place)
        reader = TarReader(chunks)
        for member in reader:
            if not safe_parts(member.name):
                continue  # the directory itself stays as it is
            placed = _placed(member, wanted.place, owner)
            if wanted.keep:
                guard.check(placed)
            unpacker.add(placed, reader.data())
        for _ in reader.rest():
            pass
        unpacker.finish()


def _placed(member: Member, place: str, owner: Owner | None) -> Member:
    """Return the member as one of the container's root."""
    prefix = os.fsencode(place.strip("/")) + b"/"
    placed = member._replace(name=prefix + b"/".join(safe_parts(member.name)))
    if member.kind is Kind.HARDLINK:
        link = b"/".join(safe_parts(member.link, "hardlink target"))
        placed = placed._replace(link=prefix + link)
    return placed if owner is None else placed._replace(uid=owner[0], gid=owner[1])


class _Guard:
    """Refuses directories in the place of other things, and the other way round."""

    def __init__(self, tree: RootFs, place: str) -> None:
        self._tree = tree
        self._place = place
        self._parent = ""
        self._resolved = ""

    def check(self, member: Member) -> None:
        """Raise LabError, in Docker's words, if the member would replace what must stay."""
        path = "/" + display(member.name).lstrip("/")
        parent, name = posixpath.split(path)
        if parent != self._parent:
            self._parent, self._resolved = parent, self._tree.resolve(parent)
        status = self._tree.status(posixpath.join(self._resolved, name))
        if status is None:
            return
        is_directory = stat.S_ISDIR(status.st_mode)
        if is_directory and member.kind is not Kind.DIRECTORY:
            raise LabError(
                f'cannot overwrite directory "{path}" with non-directory "{self._place}"'
            )
        if not is_directory and member.kind is Kind.DIRECTORY:
            raise LabError(
                f'cannot overwrite non-directory "{path}" with directory "{self._place}"'
            )


def _owner(tree: RootFs, user: str) -> Owner:
    """Return the ids that a container's USER means; InvalidParameter for unknown names."""
    name, _, group = user.partition(":")
    uid, gid = _looked_up(tree, "/etc/passwd", name, "user") if name else (0, 0)
    if group:
        gid, _ = _looked_up(tree, "/etc/group", group, "group")
    return uid, gid


def _looked_up(tree: RootFs, file: str, name: str, what: str) -> Owner:
    try:
        for line in tree.lines(file):
            fields = line.split(":")
            if len(fields) > 3 and name in (fields[0], fields[2]) and fields[2].isdecimal():
                return int(fields[2]), int(fields[3]) if fields[3].isdecimal() else 0
    except OSError:
        pass  # an image may lack the file
    if name.isdecimal():
        return int(name), 0
    raise InvalidParameter(
        f'failed to look up {what} "{name}" in container: no matching entries in {what} database'
    )
