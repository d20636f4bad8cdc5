"""Whole root file systems as archives: what `docker import` takes and `docker export` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from lab.image.blobs import BlobStore
from lab.image.pack import Packer, WrittenLayer, store_layer
from lab.image.stack import Stack
from lab.image.streams import CountedReader, batched, decompress
from lab.image.tar import Kind, safe_parts
from lab.image.tar_reader import TarReader
from lab.image.tar_writer import END
from lab.kernel import trees
from lab.kernel.idmap import IdMap


def import_layer(
    stream: BinaryIO, blobs: BlobStore, progress: Callable[[int], None] | None = None
) -> WrittenLayer:
    """Store an archive, plain or compressed, as a layer, unchanged but for the compression.

    `progress` is called, in this thread, with the bytes of `stream` read so far.
    Raises InvalidParameter for a malformed or truncated archive, UnsafePath for a member that
    leaves it, SyscallError where the disk is full; no blob is left then.
    """
    counted = CountedReader(stream)
    report = None if progress is None else lambda: progress(counted.count)
    checked = _Checked(decompress(cast(BinaryIO, counted), ""))
    descriptor, diff_id = store_layer(checked.chunks(), blobs, report)
    return WrittenLayer(descriptor, diff_id, checked.size)


class _Checked:
    """Passes an archive's chunks on while reading its members; `size` is the bytes of files."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.size = 0
        self._source = chunks
        self._passed: list[bytes] = []

    def chunks(self) -> Iterator[bytes]:
        reader = TarReader(self._tapped())
        for member in reader:
            safe_parts(member.name)
            if member.kind is Kind.HARDLINK:
                safe_parts(member.link, "hardlink target")
            self.size += len(member.link) if member.kind is Kind.SYMLINK else member.size
            for _ in reader.data():
                yield from self._taken()
        for _ in reader.rest():
            yield from self._taken()
        yield from self._taken()

    def _tapped(self) -> Iterator[bytes]:
        for chunk in self._source:
            self._passed.append(chunk)
            yield chunk

    def _taken(self) -> Iterator[bytes]:
        passed, self._passed = self._passed, []
        return iter(passed)


def export_tree(layers: Sequence[Path], ids: IdMap) -> Iterator[bytes]:
    """Yield the archive of what `layers` (in overlay's form, topmost first) show together.

    Hard links are kept where their names lie in one layer.
    """
    with ExitStack() as opened:
        stack = Stack([opened.enter_context(trees.opened(path)) for path in layers])
        packer = Packer(ids, layer=False)
        members = (packer.member(stack.root(each.layer), each.node) for each in stack.walk())
        yield from batched(chain.from_iterable(members))
        yield END
