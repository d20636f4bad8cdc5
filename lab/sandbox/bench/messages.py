"""What a notebook, the keeper and the interpreter inside say to each other: JSON, one object a line.

    to the keeper    run SOURCE NAME; write PATH DATA APPEND; interrupt
    from the keeper  ready; failed REASON HINT; said STREAM TEXT; done ERROR KIND; ended WHY

`run` and `write` go on to the interpreter, whose `done` answers each of them.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from lab.errors import Unavailable

Message = dict[str, Any]

READ_SIZE = 64 * 1024
_LIMIT = 16 << 20


class Lines:
    """Takes a byte stream apart."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, content: bytes) -> list[Message]:
        """Return the messages that are complete now.  Raises Unavailable for what is none."""
        *lines, self._rest = (self._rest + content).split(b"\n")
        if len(self._rest) > _LIMIT:
            raise Unavailable("the workbench's channel is garbled: a message is too long")
        return [_parse(line) for line in lines]


def pack(message: Message) -> bytes:
    """Return a message as its line."""
    return json.dumps(message).encode() + b"\n"


def receive(channel: socket.socket) -> Message | None:
    """Wait for one message where no other can follow before it was answered; None at the end."""
    content = bytearray()
    while not content.endswith(b"\n"):
        piece = channel.recv(READ_SIZE)
        if not piece:
            return None
        content += piece
    return _parse(bytes(content))


def _parse(line: bytes) -> Message:
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise Unavailable("the workbench's channel is garbled: no JSON object")
    return message
