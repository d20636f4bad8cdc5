"""Compresses a stream as gzip, without labour over what does not get smaller.

Content that is compressed or random already costs the compressor the most and gains nothing: it
becomes a member of its own that holds it as it is.  Several members in a row are one stream to
every reader of gzip.  Source: RFC 1952, 2.2; RFC 1951, 3.2.4.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

_LEVEL = 1
_GZIP = 31
_SAMPLE = 1 << 15
_WORTH = 0.95
"""A sample that does not get smaller than this part of it is taken for all of its piece."""


def gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces compressed; equal pieces give equal bytes.  At best of about 1 MiB each."""
    packer: Any = None
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


def _member(stores: bool) -> Any:
    """Return what makes one member of the stream."""
    from isal import isal_zlib

    return (
        zlib.compressobj(0, wbits=_GZIP) if stores else isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
    )
