"""Messages with file descriptors between the sandbox's own processes.

A channel is a unix SOCK_SEQPACKET socket: one send is one receive, and an end of file says that
the other side is gone.  A message is one small JSON object; what may be large (a bundle) is a
file that the message names.
"""

from __future__ import annotations

import array
import json
import os
import socket
from typing import Any

Message = dict[str, Any]

FDS_LOST = "fds_lost"
"""Member of a received message whose descriptors had no room in this process: it has none then."""

_LIMIT = 1 << 17
_MAX_FDS = 253
"""As many as one message can carry.  Source: unix(7), SCM_MAX_FD."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new channel."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(channel: socket.socket, message: Message, fds: list[int] | None = None) -> None:
    """Send one message; raises OSError (EPIPE) if the other side is gone."""
    ancillary = []
    if fds:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
    channel.sendmsg([json.dumps(message).encode()], ancillary)


def receive(channel: socket.socket) -> tuple[Message, list[int]] | None:
    """Return the next message and its file descriptors (close-on-exec), None at the end of file.

    Raises ValueError for what is no message; the channel can be used on.
    """
    data, ancillary, flags, _ = channel.recvmsg(
        _LIMIT, socket.CMSG_SPACE(_MAX_FDS * 4), socket.MSG_CMSG_CLOEXEC
    )
    if not data:
        return None
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    received = fds.tolist()
    try:
        message = _parse(data, flags)
    except ValueError:
        close_all(received)
        raise
    if flags & socket.MSG_CTRUNC:
        # some of them would be worse than none: which ones are missing cannot be told
        close_all(received)
        received = []
        message[FDS_LOST] = True
    return message, received


def close_all(fds: list[int]) -> None:
    """Close file descriptors that came with a message and are not needed any more."""
    for fd in fds:
        os.close(fd)


def _parse(data: bytes, flags: int) -> Message:
    if flags & socket.MSG_TRUNC:
        raise ValueError(f"a message is longer than {_LIMIT} bytes")
    message = json.loads(data)
    if not isinstance(message, dict):
        raise ValueError("a message is not a JSON object")
    return message
