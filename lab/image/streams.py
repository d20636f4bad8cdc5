"""Layers as streams: decompression, work that runs ahead in a thread, counting what was read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import Empty, Queue
from typing import BinaryIO, Generic, Protocol, TypeVar, cast

from lab.errors import InvalidParameter, Unsupported

T = TypeVar("T")

_READ = 1 << 18
_PIECE = 1 << 20
_ZSTD = b"\x28\xb5\x2f\xfd"


class Readable(Protocol):
    """What is read from."""

    def read(self, size: int = -1, /) -> bytes: ...


class Decompressor(Protocol):
    """What isal, bz2 and lzma have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def decompress(blob: Readable, media_type: str) -> Iterator[bytes]:
    """Yield the plain bytes of `blob`, a layer, in pieces of at most 1 MiB.

    The first bytes decide how it is compressed (not at all, gzip, bzip2, xz), as in Docker; the
    media type matters only for what cannot be told from them.  Several members in a row are one
    stream.  Raises Unsupported for zstd and for encrypted layers, InvalidParameter for damaged or
    truncated content.
    """
    if media_type.endswith("+encrypted"):
        raise Unsupported(f"encrypted layers are not supported: {media_type}")
    # a pipe may return less than was asked for, even less than the magic bytes
    start = b""
    while len(start) < 6 and (more := blob.read(_READ)):
        start += more
    if start.startswith(_ZSTD):
        raise Unsupported("layers compressed with zstd are not supported; use gzip")
    factory = _factory(start)
    if factory is None:
        return _chunks(start, blob)
    return _inflate(_chunks(start, blob), factory)


def is_plain(start: bytes) -> bool:
    """Return whether content that begins so (6 bytes) is not compressed in any way known here."""
    return not start.startswith(_ZSTD) and _factory(start) is None


def _factory(start: bytes) -> Callable[[], Decompressor] | None:
    """Return what makes a decompressor for content that begins so; None for plain content.

    The modules are imported here: most layers need just one of them.
    """
    if start.startswith(b"\x1f\x8b\x08"):
        from isal import igzip_lib

        make = partial(igzip_lib.IgzipDecompressor, flag=igzip_lib.DECOMP_GZIP)
        return cast("Callable[[], Decompressor]", make)
    if start.startswith(b"BZh"):
        from bz2 import BZ2Decompressor

        return BZ2Decompressor
    if start.startswith(b"\xfd7zXZ\0"):
        from lzma import LZMADecompressor

        return LZMADecompressor
    return None


def _chunks(start: bytes, blob: Readable) -> Iterator[bytes]:
    piece = start
    while piece:
        yield piece
        piece = blob.read(_READ)


def _inflate(chunks: Iterator[bytes], factory: Callable[[], Decompressor]) -> Iterator[bytes]:
    """Yield the content of all compressed members; zeros after the last one are padding."""
    current = factory()
    for chunk in chunks:
        data = chunk
        while data or not (current.eof or current.needs_input):
            if current.eof:
                data = data.lstrip(b"\0")
                if not data:
                    break
                current = factory()
            plain = _step(current, data)
            data = current.unused_data if current.eof else b""
            if plain:
                yield plain
    if not current.eof:
        raise InvalidParameter("unexpected EOF: the layer's compressed content is cut short")


def _step(current: Decompressor, data: bytes) -> bytes:
    try:
        return current.decompress(data, _PIECE)
    except Exception as error:  # each library has an error class of its own
        raise InvalidParameter(f"the layer's compressed content is damaged: {error}") from None


class CountedReader:
    """A readable that knows how many bytes were read from it so far."""

    def __init__(self, blob: BinaryIO) -> None:
        self._blob = blob
        self.count = 0

    def read(self, size: int = -1, /) -> bytes:
        piece = self._blob.read(size)
        self.count += len(piece)
        return piece


def batched(pieces: Iterable[bytes], size: int = _PIECE) -> Iterator[bytes]:
    """Join small pieces, so that each step of a pipeline has at least `size` bytes to work on."""
    waiting: list[bytes] = []
    total = 0
    for piece in pieces:
        waiting.append(piece)
        total += len(piece)
        if total >= size:
            yield b"".join(waiting)
            waiting, total = [], 0
    if waiting:
        yield b"".join(waiting)


@contextmanager
def run_ahead(items: Iterator[T], depth: int = 4) -> Iterator[Iterator[T]]:
    """Compute `items` in a thread, at most `depth` of them ahead of the consumer.

    An error in the thread is raised where the consumer takes the next item.  When the block is
    left, however it is left, the thread has ended.
    """
    ahead = _Ahead(items, depth)
    try:
        yield ahead
    finally:
        ahead.close()


class _End:
    """What the thread puts after the last item; `error` is why it ended early."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Ahead(Generic[T]):
    def __init__(self, items: Iterator[T], depth: int) -> None:
        self._items = items
        self._queue: Queue[T | _End] = Queue(depth)
        self._stopped = False
        self._ended: _End | None = None
        self._thread = threading.Thread(target=self._run, name="layer-stream", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._ended is None:
            item = self._queue.get()
            if not isinstance(item, _End):
                return item
            self._ended = item
        if self._ended.error is not None:
            raise self._ended.error
        raise StopIteration

    def close(self) -> None:
        self._stopped = True
        # the thread waits for room at most once more before it looks at the flag
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            pass
        self._thread.join()

    def _run(self) -> None:
        try:
            for item in self._items:
                if self._stopped:
                    return
                self._queue.put(item)
                if self._stopped:
                    return
            self._queue.put(_End())
        except BaseException as error:
            self._queue.put(_End(error))
