"""Reads a tar archive from a stream of chunks, without seeking and without holding it."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import InvalidParameter
from lab.image.tar import (
    BLOCK,
    KINDS,
    MAX_EXTENSION,
    Header,
    Kind,
    Member,
    display,
    parse_header,
    parse_pax,
    sparse,
    with_pax,
)

_ZEROS = bytes(BLOCK)


class TarReader:
    """Iterates over an archive's members; `data` gives the content of the latest one.

    What a reader of Docker accepts is accepted: an archive ends with two blocks of zeros, or
    where the stream ends between two members.  Everything malformed, and a stream that ends
    anywhere else, raises InvalidParameter.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._source = _Source(chunks)
        self._unread = 0
        self._padding = 0
        self._name = b""

    def __iter__(self) -> Iterator[Member]:
        """Yield the members; content that was not taken with `data` is skipped."""
        while True:
            self._skip_content()
            member = self._next()
            if member is None:
                return
            self._name = member.name
            self._unread = member.size
            self._padding = -member.size % BLOCK
            yield member

    def data(self) -> Iterator[memoryview]:
        """Yield the latest member's content in pieces that are valid until the next is taken."""
        while self._unread:
            piece = self._source.some(self._unread)
            if not piece:
                raise _truncated(self._name)
            self._unread -= len(piece)
            yield piece

    def rest(self) -> Iterator[memoryview]:
        """Yield what follows the archive in the stream: it belongs to a layer's digest too."""
        while piece := self._source.some(1 << 30):
            yield piece

    def _skip_content(self) -> None:
        for _ in self.data():
            pass
        # the last padding may be missing: `docker build -f -` sends archives without their end
        self._source.exactly(self._padding)
        self._padding = 0

    def _next(self) -> Member | None:
        """Return the next member with its extensions applied; None at the end."""
        records: dict[bytes, bytes] = {}
        while (header := self._header()) is not None:
            if header.flag not in b"xgLK":
                return _finished(header, records)
            content = self._extension(header)
            if header.flag == b"x":
                records.update(parse_pax(content))
            elif header.flag != b"g":  # global records are ignored, as Docker does
                key = b"path" if header.flag == b"L" else b"linkpath"
                records[key] = content.split(b"\0", 1)[0]
        if records:
            raise _truncated(b"an extended header")
        return None

    def _header(self) -> Header | None:
        block = self._source.exactly(BLOCK)
        if block == _ZEROS:
            following = self._source.exactly(BLOCK)
            if following and following != _ZEROS:
                raise InvalidParameter("archive/tar: invalid tar header: data after the end")
            return None
        if not block:
            return None
        if len(block) < BLOCK:
            raise _truncated(self._name)
        return parse_header(block)

    def _extension(self, header: Header) -> bytes:
        size = header.member.size
        if size > MAX_EXTENSION:
            raise InvalidParameter("archive/tar: header field too long")
        padded = size + -size % BLOCK
        content = self._source.exactly(padded)
        if len(content) < padded:
            raise _truncated(b"an extended header")
        return content[:size]


def _finished(header: Header, records: dict[bytes, bytes]) -> Member:
    if header.flag == b"S":
        raise sparse()
    if header.flag not in KINDS:
        kind = header.flag.decode("latin-1")
        raise InvalidParameter(
            f"unhandled tar header type {kind!r} of {display(header.member.name)!r}"
        )
    member = with_pax(header.member, records) if records else header.member
    if member.kind is not Kind.FILE and member.size:
        # only files have content; some writers repeat the size on links
        member = member._replace(size=0)
    return member


def _truncated(name: bytes) -> InvalidParameter:
    where = f" after {display(name)}" if name else ""
    return InvalidParameter(f"unexpected EOF: the archive is cut short{where}")


class _Source:
    """Takes counted bytes out of chunks, without copying where a chunk holds them all."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._position = 0

    def exactly(self, count: int) -> bytes:
        """Return the next `count` bytes; fewer only where the stream ends."""
        end = self._position + count
        if end <= len(self._chunk):
            taken = self._chunk[self._position : end]
            self._position = end
            return taken
        parts = []
        while count and (piece := self.some(count)):
            parts.append(bytes(piece))
            count -= len(piece)
        return b"".join(parts)

    def some(self, limit: int) -> memoryview:
        """Return at least one and at most `limit` of the next bytes; none where the stream ends."""
        while self._position == len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                return memoryview(b"")
            self._chunk = chunk
            self._position = 0
        piece = memoryview(self._chunk)[self._position : self._position + limit]
        self._position += len(piece)
        return piece
