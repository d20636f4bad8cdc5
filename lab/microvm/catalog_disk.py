"""The disk with the catalog's layers: unpacked once, on the host, straight into an image.

    /layers/HEX/fs/    one layer, as a snapshot of the engine's holds it; HEX is its chain id's
    /index.json        {"layers": [{"chain", "diff_id", "parent", "digest", "usage"}]}, bases first

Owners are the container's own ids: the guest shows them shifted, by an idmapped mount.  `usage`
is what the snapshot's own files take, in bytes.  Members that a container's unpacker would refuse
do not occur: the catalog is made by this program.  Source: lab.image.unpack, OCI image-spec.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lab.errors import DigestMismatch, InvalidParameter
from lab.image.streams import decompress, run_ahead
from lab.image.tar import OPAQUE_NAME, WHITEOUT_PREFIX, Kind, Member, display, safe_parts
from lab.image.tar_reader import TarReader
from lab.kernel import trees
from lab.oci import fields
from lab.oci.descriptor import Descriptor
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig, chain_id
from lab.oci.manifest import Index, Manifest
from lab.sandbox.vm.erofs import Image, Node, directory

_TYPES = {
    Kind.SYMLINK: stat.S_IFLNK,
    Kind.CHARACTER: stat.S_IFCHR,
    Kind.BLOCK: stat.S_IFBLK,
    Kind.FIFO: stat.S_IFIFO,
}
_OPAQUE = trees.OPAQUE.encode()
_CAPABILITY = b"security.capability"
_Parts = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of the catalog's: `parent` is the chain id below it, None for a base."""

    chain: Digest
    parent: Digest | None
    diff_id: Digest
    blob: Descriptor


def read_layers(catalog: Path) -> list[Layer]:
    """Return all layers of an OCI image layout, each once, parents first."""
    found: dict[Digest, Layer] = {}
    index = Index.from_json(fields.load_object((catalog / "index.json").read_bytes(), "index"))
    for entry in index.manifests:
        manifest = Manifest.from_json(
            fields.load_object(_blob(catalog, entry.digest).read_bytes(), "manifest")
        )
        diff_ids = ImageConfig.from_bytes(
            _blob(catalog, manifest.config.digest).read_bytes()
        ).diff_ids
        parent = None
        for number, (diff_id, blob) in enumerate(zip(diff_ids, manifest.layers, strict=True)):
            chain = chain_id(diff_ids[: number + 1])
            found.setdefault(chain, Layer(chain, parent, diff_id, blob))
            parent = chain
    return list(found.values())


def write_catalog(
    file: BinaryIO, identity: bytes, catalog: Path, report: Callable[[float], None]
) -> None:
    """Write the image, named by `identity`.

    Raises InvalidParameter, DigestMismatch if a layer is damaged.
    """
    image = Image(file, identity)
    shelf = image.root.children[b"layers"] = directory(0o711)
    layers = read_layers(catalog)
    total = sum(layer.blob.size for layer in layers) or 1
    done = 0
    rows = []
    for layer in layers:
        root = _unpack(image, _blob(catalog, layer.blob.digest), layer)
        folder = shelf.children[layer.chain.hex.encode()] = directory(0o711)
        folder.children[b"fs"] = root
        rows.append(
            {
                "chain": str(layer.chain),
                "diff_id": str(layer.diff_id),
                "parent": str(layer.parent) if layer.parent else None,
                "digest": str(layer.blob.digest),
                "usage": _usage(root),
            }
        )
        done += layer.blob.size
        report(done / total)
    image.root.children[b"index.json"] = image.file([fields.dump({"layers": rows})])
    image.finish()


def _blob(catalog: Path, digest: Digest) -> Path:
    return catalog / "blobs" / digest.algorithm / digest.hex


def _unpack(image: Image, blob: Path, layer: Layer) -> Node:
    root = directory()
    running = layer.diff_id.hasher()

    def plain(file: BinaryIO) -> Iterator[bytes]:
        for chunk in decompress(file, layer.blob.media_type):
            running.update(chunk)
            yield chunk

    with blob.open("rb") as file, run_ahead(plain(file)) as chunks:
        reader = TarReader(chunks)
        for member in reader:
            if parts := safe_parts(member.name):
                _add(image, root, parts, member, reader)
        for _ in reader.rest():
            pass
    if Digest.from_hash(running) != layer.diff_id:
        raise DigestMismatch(f"a layer of the catalog is damaged: {layer.blob.digest}")
    return root


def _add(image: Image, root: Node, parts: _Parts, member: Member, reader: TarReader) -> None:
    parent = _parent(root, parts)
    name = parts[-1]
    if name == OPAQUE_NAME:
        parent.xattrs = {**parent.xattrs, _OPAQUE: b"y"}
    elif name.startswith(WHITEOUT_PREFIX):
        _hide(parent, name.removeprefix(WHITEOUT_PREFIX))
    elif member.kind is Kind.HARDLINK:
        parent.children[name] = _linked(root, member)
    elif member.kind is Kind.FILE:
        parent.children[name] = _described(image.file(reader.data(), member.mode), member)
    elif member.kind is Kind.DIRECTORY:
        made = parent.children.get(name)
        if made is None or not made.is_directory:
            made = parent.children[name] = directory()
        made.mode = stat.S_IFDIR | member.mode
        _described(made, member)
    else:
        permissions = 0o777 if member.kind is Kind.SYMLINK else member.mode
        node = Node(_TYPES[member.kind] | permissions, content=member.link, device=member.device)
        parent.children[name] = _described(node, member)


def _hide(parent: Node, name: bytes) -> None:
    """Say that a name is deleted from lower layers; what this layer itself has there stays."""
    present = parent.children.setdefault(name, Node(stat.S_IFCHR))
    if present.is_directory:
        present.xattrs = {**present.xattrs, _OPAQUE: b"y"}


def _linked(root: Node, member: Member) -> Node:
    target = safe_parts(member.link, "hardlink target")
    node = _parent(root, target).children.get(target[-1]) if target else None
    if node is None or node.is_directory:
        raise InvalidParameter(f"invalid hardlink target of {display(member.name)!r}")
    return node


def _parent(root: Node, parts: _Parts) -> Node:
    node = root
    for part in parts[:-1]:
        node = node.children.setdefault(part, directory())
        if not node.is_directory:
            raise InvalidParameter(f"{display(b'/'.join(parts))!r} leads through a file or a link")
    return node


def _described(node: Node, member: Member) -> Node:
    node.uid, node.gid, node.mtime_ns = member.uid, member.gid, member.mtime_ns
    node.xattrs = {
        **{key: value for key, value in node.xattrs.items() if key == _OPAQUE},
        **{key: value for key, value in member.xattrs.items() if _is_carried(key)},
    }
    return node


def _is_carried(key: bytes) -> bool:
    """As lab.image.attributes: what belongs to files, not to the host that packed them."""
    return key == _CAPABILITY or (key.startswith(b"user.") and not key.startswith(b"user.overlay."))


def _usage(root: Node) -> int:
    """Return the bytes of files and links, each once: as the engine counts a snapshot."""
    seen: set[int] = set()
    total = 0
    pending = [root]
    while pending:
        node = pending.pop()
        if id(node) not in seen:
            seen.add(id(node))
            pending += node.children.values()
            total += len(node.content) if stat.S_ISLNK(node.mode) else node.size
    return total
