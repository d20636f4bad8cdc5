"""What containers wrote, as Docker's json-file driver keeps it: one JSON object per line.

Source: Docker's documentation of the json-file logging driver.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lab.engine.log_limits import LogLimits, LogParts, data_from
from lab.engine.state import now
from lab.runtime.stdio import STDERR, STDOUT

_NAMES = {STDOUT: "stdout", STDERR: "stderr"}
_STREAMS = {name: number for number, name in _NAMES.items()}
_LINE_LIMIT = 16 * 1024
"""Bytes; a longer line is stored in parts, as Docker does."""

_ROWS = 1000
"""How many rows are read at a time, so that no log is held in memory as a whole."""
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class LogLine:
    """One stored piece of output; `at` is RFC 3339, `text` ends in a newline if the line does."""

    stream: int
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines are wanted: the last `tail` (None: all), between `since` and `until`.

    The times are RFC 3339 as stored, so that they compare as text; empty for no bound.
    """

    stdout: bool = True
    stderr: bool = True
    tail: int | None = None
    since: str = ""
    until: str = ""

    def wants(self, line: LogLine) -> bool:
        """Return whether a line passes, `tail` aside."""
        shown = self.stdout if line.stream == STDOUT else self.stderr
        return shown and line.at >= self.since and (not self.until or line.at <= self.until)


class LogFile:
    """The log of one container: written by the event loop, read by anybody."""

    def __init__(self, path: Path, limits: LogLimits | None = None) -> None:
        self.path = path
        self._parts = LogParts(limits or LogLimits())
        self._fd: int | None = None
        self._partial: dict[int, bytes] = {STDOUT: b"", STDERR: b""}
        self._changed = asyncio.Event()
        self.finished = True

    def open(self) -> None:
        """Begin a run: output will follow."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self.path, flags, 0o640)
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            # a row that a crash cut short must not swallow the next one
            os.write(self._fd, b"\n")
        self._parts.begin(self._fd)
        self.finished = False

    def write(self, stream: int, data: bytes) -> None:
        """Store output; an unfinished line is kept back until it is finished, or long."""
        pending = self._partial[stream] + data
        *lines, rest = pending.split(b"\n")
        pieces = [line + b"\n" for line in lines]
        while len(rest) >= _LINE_LIMIT:
            pieces.append(rest[:_LINE_LIMIT])
            rest = rest[_LINE_LIMIT:]
        self._partial[stream] = rest
        self._store(stream, pieces)

    def close(self) -> None:
        """End a run: store unfinished lines and let followers end."""
        for stream, rest in self._partial.items():
            if rest:
                self._store(stream, [rest])
            self._partial[stream] = b""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self.finished = True
        self._notify()

    def opened(self) -> io.BufferedReader:
        """Return the log for reading; it stays readable when the container is removed meanwhile."""
        flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC
        try:
            # a container that never ran has no log yet, and may write one while it is read
            return open(os.open(self.path, flags, 0o640), "rb")
        except OSError:
            return open(os.devnull, "rb")

    async def stream(
        self, file: io.BufferedReader, query: LogQuery, follow: bool
    ) -> AsyncIterator[list[LogLine]]:
        """Yield wanted lines, many at a time; with `follow` also new ones, until the run ends.

        `file` is what `opened` returned.
        """
        offset, size = await asyncio.to_thread(start_of, file, query)
        end = None if follow else size
        while True:
            changed, finished = self._changed, self.finished
            lines, offset, more = await asyncio.to_thread(read, file, query, offset, end)
            if lines:
                yield lines
            if not follow and not more:
                return
            if not more:
                if finished:
                    return
                await changed.wait()

    def _store(self, stream: int, pieces: list[bytes]) -> None:
        if not pieces or self._fd is None:
            return
        at, name = now(), _NAMES[stream]
        rows = [
            json.dumps({"log": piece.decode(errors="replace"), "stream": name, "time": at}) + "\n"
            for piece in pieces
        ]
        # a full disk must not stop the container; what does not fit is lost to the log
        with contextlib.suppress(OSError):
            for data in self._parts.portions(rows):
                self._parts.make_room(self._fd)
                written = os.write(self._fd, data)
                if written < len(data):
                    # rows are there as a whole or not at all
                    os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
                    break
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def read(
    file: io.BufferedReader, query: LogQuery, offset: int = 0, end: int | None = None
) -> tuple[list[LogLine], int, bool]:
    """Return some wanted lines from a byte offset on, the offset after them, and whether to go on.

    Blocks while it reads; `tail` is not looked at.  What begins at the offset `end` is left out.
    """
    lines: list[LogLine] = []
    # what is older than is to be kept has become a hole
    offset = data_from(file.fileno(), offset)
    file.seek(offset)
    for row in islice(file, _ROWS):
        if not row.endswith(b"\n") or (end is not None and offset >= end):
            # still being written, or after the end
            break
        offset += len(row)
        line = _parse(row)
        if line is not None and query.wants(line):
            lines.append(line)
    else:
        return lines, offset, bool(file.peek(1))
    return lines, offset, False


def start_of(file: io.BufferedReader, query: LogQuery) -> tuple[int, int]:
    """Return the offset of the first line of the wanted end, and the file's size."""
    size = file.seek(0, os.SEEK_END)
    if query.tail is None:
        return 0, size
    left, start = query.tail, size
    for offset, row in _backward(file, size) if left else ():
        line = _parse(row)
        if line is not None and query.wants(line):
            left, start = left - 1, offset
        if not left:
            break
    return start, size


def parse_tail(text: str) -> int | None:
    """Return the number of lines that `tail` asks for; None for all of them.

    As with Docker, whatever is no number above or at 0 means all.
    """
    return int(text) if text.isdecimal() else None


def _backward(file: io.BufferedReader, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the rows of a file from the last to the first, with the offset of each."""
    rest, first = b"", data_from(file.fileno(), 0)
    while end > first:
        start = max(first, end - _BLOCK)
        file.seek(start)
        data = file.read(end - start) + rest
        rest, *rows = data.split(b"\n")
        offset = start + len(data)
        for row in reversed(rows):
            offset -= len(row)
            if row:
                yield offset, row
            offset -= 1
        end = start
    if rest:
        yield first, rest


def _parse(row: bytes) -> LogLine | None:
    try:
        # a page in which older rows were becomes zeros up to the first that is kept
        members = json.loads(row.lstrip(b"\0"))
        return LogLine(_STREAMS[members["stream"]], members["time"], members["log"])
    except (ValueError, KeyError):
        # a row that a crash cut short
        return None
