"""Decompression, and work that runs ahead in a thread."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import InvalidParameter, Unsupported
from lab.image.streams import batched, decompress, run_ahead

ANY = "application/octet-stream"
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


class Trickle(io.BytesIO):
    """A stream that returns at most a few bytes per read, as a pipe may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(3, size) if size and size > 0 else 3)


def plain(blob: bytes, media_type: str = ANY) -> bytes:
    return b"".join(decompress(io.BytesIO(blob), media_type))


@settings(max_examples=40, deadline=None)
@given(
    compression=st.sampled_from(sorted(COMPRESSIONS)),
    parts=st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=3),
    repeat=st.sampled_from([1, 2000]),
)
def test_content_comes_back(compression: str, parts: list[bytes], repeat: int) -> None:
    """Is content recovered, also from several members in a row and from highly packed data?"""
    content = [b"t" + part * repeat for part in parts]
    blob = b"".join(map(COMPRESSIONS[compression], content))
    assert plain(blob) == b"".join(content)


@pytest.mark.parametrize("compression", sorted(COMPRESSIONS))
def test_a_trickling_stream_is_recognised(compression: str) -> None:
    """Is the compression told from the first bytes even if they come one by one?"""
    content = b"some content of a layer" * 5
    stream = Trickle(COMPRESSIONS[compression](content))
    assert b"".join(decompress(stream, ANY)) == content


def test_the_content_counts_and_not_the_media_type() -> None:
    """Is a layer announced as gzip and stored plain read as plain, as in Docker?"""
    assert plain(b"not compressed", "application/vnd.oci.image.layer.v1.tar+gzip") == (
        b"not compressed"
    )


def test_pieces_stay_small_however_well_packed() -> None:
    """Does a bomb arrive in pieces of at most 1 MiB?"""
    blob = gzip.compress(bytes(50 << 20))
    sizes = [len(piece) for piece in decompress(io.BytesIO(blob), ANY)]
    assert max(sizes) <= 1 << 20
    assert sum(sizes) == 50 << 20


def test_zeros_after_the_last_member_are_padding() -> None:
    """Is a padded gzip stream read to its end?"""
    assert plain(gzip.compress(b"x") + bytes(1000)) == b"x"


WHOLE = gzip.compress(bytes(range(256)) * 100)


@pytest.mark.parametrize(
    "blob",
    [WHOLE[:-1], WHOLE[:20], WHOLE[:3], WHOLE + gzip.compress(b"x")[:5], WHOLE + b"rubbish" * 9],
    ids=["checksum cut", "data cut", "header cut", "second member cut", "garbage behind"],
)
def test_truncated_and_trailing_content_is_refused(blob: bytes) -> None:
    """Is every cut of a compressed layer noticed?"""
    with pytest.raises(InvalidParameter):
        plain(blob)


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz"])
def test_damaged_content_is_refused(compression: str) -> None:
    """Does a flipped bit in the middle end in one kind of error, whatever the library raises?"""
    blob = bytearray(COMPRESSIONS[compression](bytes(range(256)) * 500))
    blob[len(blob) // 2] ^= 0xFF
    with pytest.raises(InvalidParameter):
        plain(bytes(blob))


def test_zstd_is_refused_by_name() -> None:
    """Does the error say what is not supported?"""
    with pytest.raises(Unsupported, match="zstd"):
        plain(b"\x28\xb5\x2f\xfd" + bytes(20))


def test_encrypted_layers_are_refused_by_name() -> None:
    """Is an encrypted layer refused rather than taken for a broken archive?"""
    with pytest.raises(Unsupported, match="encrypted"):
        plain(b"", "application/vnd.oci.image.layer.v1.tar+gzip+encrypted")


def test_errors_of_the_source_are_not_the_layers_fault() -> None:
    """Does an error while reading the blob come through unchanged?"""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(40)

    with pytest.raises(OSError, match="Input/output"):
        list(decompress(Broken(WHOLE), ANY))


def test_running_ahead_keeps_the_order() -> None:
    """Do all items arrive, in order, and only once?"""
    with run_ahead(iter(range(1000)), depth=3) as items:
        assert list(items) == list(range(1000))
        assert next(items, None) is None


def test_an_error_ahead_is_raised_at_its_place() -> None:
    """Does the consumer see what came before the error, then the error, and again the error?"""

    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with run_ahead(failing()) as items:
        assert next(items) == 1
        for _ in range(2):
            with pytest.raises(ValueError, match="no more"):
                next(items)


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_leaving_early_ends_the_thread(depth: int) -> None:
    """Is the thread gone when the consumer stops in the middle of an endless stream?"""

    def endless() -> Iterator[int]:
        while True:
            yield 0

    before = threading.active_count()
    with pytest.raises(KeyError), run_ahead(endless(), depth=depth) as items:
        next(items)
        raise KeyError
    assert threading.active_count() == before


@given(st.lists(st.binary(max_size=20)), st.integers(1, 30))
def test_batches_lose_nothing(pieces: list[bytes], size: int) -> None:
    """Do batches hold all bytes in order, none but the last being small?"""
    batches = list(batched(iter(pieces), size))
    assert b"".join(batches) == b"".join(pieces)
    assert all(len(batch) >= size for batch in batches[:-1])
