"""Archives and trees that the tests of layers share; archives are made by the standard library."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.image.blobs import BlobStore
from lab.image.layer import LayerContent, apply_layer
from lab.image.store import Image, ImageStore
from lab.image.tar import Member
from lab.image.tar_reader import TarReader
from lab.kernel import trees
from lab.kernel.idmap import IdMap
from lab.oci.descriptor import OCI_LAYER, Descriptor
from lab.oci.digest import Digest
from lab.oci.image_config import History, ImageConfig

IDS = IdMap(0)
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="owners and devices need root, if only in a user namespace"
)


def info(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    """A member's header; fields as in tarfile.TarInfo."""
    member = tarfile.TarInfo(name)
    member.type = kind
    member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in fields.items():
        setattr(member, key, value)
    return member


def archive(
    *members: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes],
    form: int = tarfile.PAX_FORMAT,
) -> bytes:
    """A plain archive of headers, or of pairs of header and content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for member in members:
            header, content = member if isinstance(member, tuple) else (member, b"")
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def file(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    return info(name, **fields), content


def directory(name: str, **fields: object) -> tarfile.TarInfo:
    return info(name, tarfile.DIRTYPE, **fields)


def symlink(name: str, target: str) -> tarfile.TarInfo:
    return info(name, tarfile.SYMTYPE, linkname=target)


def hardlink(name: str, target: str) -> tarfile.TarInfo:
    return info(name, tarfile.LNKTYPE, linkname=target)


def unpack(content: bytes, target: Path, ids: IdMap = IDS, compress: bool = True) -> LayerContent:
    """Apply an archive to `target`, as a gzip layer."""
    blob = gzip.compress(content, 1) if compress else content
    return apply_layer(io.BytesIO(blob), GZIP, target, ids)


def names(content: bytes) -> list[str]:
    """The members' names as the standard library reads them."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return tar.getnames()


def members(content: bytes) -> dict[str, tarfile.TarInfo]:
    """The members by name as the standard library reads them."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: member for member in tar.getmembers()}


def listing(tree: Path) -> dict[str, str]:
    """What lies below `tree`: path -> kind and, for files and links, the content."""
    found = {}
    for path in sorted(tree.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            text = "-> " + os.readlink(path)
        elif stat.S_ISREG(mode):
            text = "file " + path.read_text("latin-1")
        elif stat.S_ISCHR(mode):
            text = "whiteout" if path.lstat().st_rdev == 0 else "device"
        else:
            text = "directory" if stat.S_ISDIR(mode) else "other"
        found[str(path.relative_to(tree))] = text
    return found


def join(pieces: Iterable[bytes]) -> bytes:
    return b"".join(pieces)


@contextmanager
def deep_tree(tree: Path, depth: int) -> Iterator[None]:
    """Nested directories in `tree`, deeper than a recursion may go; gone again afterwards."""
    fd = os.open(tree, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    try:
        yield
    finally:
        with trees.opened(tree) as root:
            trees.remove(root, b"d")


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def read(content: bytes, size: int = 1 << 20) -> list[tuple[Member, bytes]]:
    """All members with their contents, as this project's reader sees them."""
    reader = TarReader(pieces(content, size))
    return [(member, b"".join(reader.data())) for member in reader]


def layer(blobs: BlobStore, content: bytes) -> Descriptor:
    return Descriptor(OCI_LAYER, blobs.put(content), len(content))


def make_image(
    images: ImageStore, blobs: BlobStore, name: str = "one", parent: Digest | None = None
) -> Image:
    """An image of one layer, different for each name."""
    content = bytes(1024) + name.encode()
    config = ImageConfig("amd64", "linux", author=name).with_step(
        History(created_by=name), Digest.of(content)
    )
    return images.add(config.to_bytes(), [layer(blobs, content)], len(content), parent)
