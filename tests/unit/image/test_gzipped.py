"""Compression of layers: every reader reads it, and what cannot get smaller is left as it is."""

from __future__ import annotations

import gzip
import io
import random

import pytest

from lab.image.gzipped import gzipped
from lab.image.streams import decompress, is_plain

DENSE = random.Random(1).randbytes(1 << 20)
LIGHT = b"a line of text\n" * (1 << 16)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [LIGHT],
        [DENSE],
        [LIGHT, DENSE, DENSE, LIGHT],
        [DENSE, b"short"],
        [b"short", DENSE[: 1 << 15], LIGHT],
    ],
)
def test_readers_read_it(pieces: list[bytes]) -> None:
    """Is the content whole for the standard library and for the lab's own reader, again and again?"""
    packed = b"".join(gzipped(iter(pieces)))
    assert gzip.decompress(packed) == b"".join(pieces)
    assert b"".join(decompress(io.BytesIO(packed), "")) == b"".join(pieces)
    assert packed == b"".join(gzipped(iter(pieces)))
    assert not is_plain(packed[:6])


def test_sizes() -> None:
    """Is text made small, and dense content hardly larger?"""
    assert len(b"".join(gzipped(iter([LIGHT])))) < len(LIGHT) / 20
    assert len(b"".join(gzipped(iter([DENSE])))) < len(DENSE) * 1.001


def test_plain() -> None:
    """Is content that is not compressed told from such that is?"""
    assert is_plain(b"./\0\0\0\0")
    assert not is_plain(b"\x28\xb5\x2f\xfd\0\0")
    assert not is_plain(b"BZh91A")


def test_blocks_of_every_size_are_held_as_they_are() -> None:
    """Does dense content of any length come back, around the limits of a stored block too?"""
    for size in (1 << 16, 65535 * 2, 65535 * 2 + 1, (1 << 20) + 3):
        pieces = [random.Random(size).randbytes(size) for _ in range(2)]
        packed = b"".join(gzipped(iter(pieces)))
        assert gzip.decompress(packed) == b"".join(pieces)
        assert len(packed) < 2 * size + 200
