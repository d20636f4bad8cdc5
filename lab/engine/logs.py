"""What containers wrote, as Docker's json-file driver keeps it: one JSON object per line.

Source: Docker's documentation of the json-file logging driver.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.engine.state import now
from lab.errors import InvalidParameter
from lab.runtime.stdio import STDERR, STDOUT

_NAMES = {STDOUT: "stdout", STDERR: "stderr"}
_STREAMS = {name: number for number, name in _NAMES.items()}
_LINE_LIMIT = 16 * 1024
"""Bytes; a longer line is stored in parts, as Docker does."""


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

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self._partial: dict[int, bytes] = {STDOUT: b"", STDERR: b""}
        self._changed = asyncio.Event()
        self.finished = True

    def open(self) -> None:
        """Begin a run: output will follow."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self.path, flags, 0o640)
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

    def read(self, query: LogQuery, offset: int = 0) -> tuple[list[LogLine], int]:
        """Return the wanted lines from a byte offset on, and the offset after them."""
        if query.tail == 0:
            return [], self._size()
        lines: deque[LogLine] = deque(maxlen=query.tail)
        end = offset
        for line, end in self._stored(offset):  # noqa: B007 - the last one is wanted
            if query.wants(line):
                lines.append(line)
        return list(lines), end

    async def follow(self, query: LogQuery, offset: int) -> AsyncIterator[LogLine]:
        """Yield wanted lines as they are written, until the run ends."""
        onward = LogQuery(query.stdout, query.stderr, None, query.since, query.until)
        while True:
            changed = self._changed
            finished = self.finished
            lines, offset = await asyncio.to_thread(self.read, onward, offset)
            for line in lines:
                yield line
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
        try:
            os.write(self._fd, "".join(rows).encode())
        except OSError:
            # a full disk must not stop the container; what does not fit is lost to the log
            return
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _stored(self, offset: int) -> Iterator[tuple[LogLine, int]]:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(offset)
            for row in file:
                offset += len(row)
                if row.endswith(b"\n"):
                    line = _parse(row)
                    if line is not None:
                        yield line, offset

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0


def parse_tail(text: str) -> int | None:
    """Return the number of lines that `tail` asks for; None for all of them."""
    if text in ("", "all"):
        return None
    if not text.lstrip("-").isdecimal():
        raise InvalidParameter(f'invalid value for "tail": {text!r}')
    # Docker takes a negative number for "all"
    return int(text) if int(text) >= 0 else None


def _parse(row: bytes) -> LogLine | None:
    try:
        members = json.loads(row)
        return LogLine(_STREAMS[members["stream"]], members["time"], members["log"])
    except (ValueError, KeyError):
        # a row that a crash cut short
        return None
