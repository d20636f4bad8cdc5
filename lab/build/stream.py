"""What a build says while it runs: the messages of `POST /build`, as Docker's builder sends them.

Each message is one JSON object of the response.  Source: Docker Engine API, ImageBuild.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable
from typing import Any

from lab.errors import BuildError, LabError

Message = dict[str, Any]
Emit = Callable[[Message], None]

_RED, _PLAIN = "\033[91m", "\033[0m"


class Progress:
    """Writes messages through `emit`."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit

    def say(self, text: str) -> None:
        """Say something; most texts end in a newline of their own."""
        self.emit({"stream": text})

    def warn(self, text: str) -> None:
        """Say something on the error stream, which Docker colours red."""
        self.say(f"{_RED}{text}{_PLAIN}")

    def image(self, image: str) -> None:
        """Tell programs the image's id."""
        self.emit({"aux": {"ID": image}})


class CommandOutput:
    """Passes on what a command writes; characters cut in two by a write are put together."""

    def __init__(self, progress: Progress) -> None:
        make = codecs.getincrementaldecoder("utf-8")
        self._sinks = {
            "stdout": (make("replace"), progress.say),
            "stderr": (make("replace"), progress.warn),
        }

    def __call__(self, stream: str, data: bytes) -> None:
        """Take bytes that came from `stdout` or `stderr`."""
        self._pass_on(stream, data, False)

    def finish(self) -> None:
        """Say what is left of a character that never got complete."""
        for stream in self._sinks:
            self._pass_on(stream, b"", True)

    def _pass_on(self, stream: str, data: bytes, final: bool) -> None:
        decoder, say = self._sinks[stream]
        if text := decoder.decode(data, final):
            say(text)


class Withheld:
    """Keeps the messages of a quiet build, to show them only if it fails.

    Beyond `limit` characters of text the oldest are dropped, so that an endless command does
    not fill the memory.
    """

    def __init__(self, limit: int = 1 << 20) -> None:
        self._limit = limit
        self._size = 0
        self._messages: deque[Message] = deque()

    def __call__(self, message: Message) -> None:
        """Keep a message."""
        self._messages.append(message)
        self._size += _length(message)
        while self._size > self._limit and len(self._messages) > 1:
            self._size -= _length(self._messages.popleft())

    def release(self, emit: Emit) -> None:
        """Show what was kept."""
        while self._messages:
            emit(self._messages.popleft())


def error_message(error: LabError) -> Message:
    """Return the last message of a build that failed after its response had begun."""
    detail: Message = {"message": error.message}
    if isinstance(error, BuildError) and error.code:
        detail = {"code": error.code, **detail}
    return {"errorDetail": detail, "error": error.message}


def _length(message: Message) -> int:
    return len(str(message.get("stream", ""))) + 64
