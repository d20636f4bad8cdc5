"""Compresses a stream as gzip, without labour over what does not get smaller.

Content that is compressed or random already costs the compressor the most and gains nothing: it
becomes a member of its own that holds it as it is.  Several members in a row are one stream to
every reader of gzip.  Source: RFC 1952, 2.2 and 2.3; RFC 1951, 3.2.4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Protocol

_LEVEL = 1
_GZIP = 31
_BLOCK = 0xFFFF
_HEAD = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
"""Of a member: deflate, no name, no time, from no system in particular."""
_SAMPLE = 1 << 15
_WORTH = 0.95
"""A sample that does not get smaller than this part of it is taken for all of its piece."""


def gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces compressed; equal pieces give equal bytes.  At best of about 1 MiB each."""
    packer: _Member | None = None
    stores = False
    for piece in pieces:
        dense = _is_dense(piece)
        if packer is None or dense != stores:
            if packer is not None:
                yield packer.flush()
            packer, stores = _member(dense), dense
        if packed := packer.compress(piece):
            yield packed
    yield (packer or _member(False)).flush()


def _is_dense(piece: bytes) -> bool:
    from isal import isal_zlib

    middle = (len(piece) - _SAMPLE) // 2
    if middle < 0:
        return False
    sample = piece[middle : middle + _SAMPLE]
    return len(isal_zlib.compress(sample, _LEVEL)) > _WORTH * _SAMPLE


class _Member(Protocol):
    """What the compressor's members and ours have in common."""

    def compress(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...


class _Stored:
    """A member that holds its content as it is, in blocks of 64 KiB."""

    def __init__(self, checksum: Any) -> None:
        self._checksum = checksum
        self._crc = 0
        self._size = 0

    def compress(self, data: bytes) -> bytes:
        parts: list[bytes | memoryview] = [] if self._size else [_HEAD]
        self._crc = self._checksum(data, self._crc)
        self._size += len(data)
        view = memoryview(data)
        for start in range(0, len(view), _BLOCK):
            block = view[start : start + _BLOCK]
            parts += (struct.pack("<BHH", 0, len(block), len(block) ^ _BLOCK), block)
        return b"".join(parts)

    def flush(self) -> bytes:
        last = struct.pack("<BHH", 1, 0, _BLOCK)
        return last + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF)


def _member(stores: bool) -> _Member:
    """Return what makes one member of the stream."""
    from isal import isal_zlib

    if stores:
        return _Stored(isal_zlib.crc32)
    packer: _Member = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
    return packer
