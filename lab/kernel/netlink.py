"""Conversations with the kernel's netlink: several requests in one system call, every answer read.

The sandbox's first process imports this at every container start, so it imports next to nothing.
What can be asked for is in lab.kernel.rtnetlink.  Source: netlink(7).
"""

from __future__ import annotations

import _socket
import errno
import struct

from lab.errors import SyscallError
from lab.kernel.tap import tap

ROUTE, NETFILTER = 0, 12
"""What a conversation may be about: interfaces and addresses, or the packet filter."""

CREATE, EXCL = 0x400, 0x200
"""Flags of a request that makes something, which must not be there yet."""

_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_ERROR, _DONE = 2, 3
_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_DUMP_INTERRUPTED, _HAS_TEXT = 0x10, 0x200
_TEXT = 1
_BUFFER = 1 << 16
_DUMP_ATTEMPTS = 10


class Message:
    """One request to the kernel, without its header.

    `operation` names it in errors.  Errors whose number is in `tolerated` count as success.
    """

    __slots__ = ("body", "flags", "operation", "tolerated", "type")

    def __init__(
        self,
        operation: str,
        type: int,
        body: bytes,
        flags: int = 0,
        tolerated: tuple[int, ...] = (),
    ) -> None:
        self.operation = operation
        self.type = type
        self.body = body
        self.flags = flags
        self.tolerated = tolerated

    def encode(self, sequence: int, flags: int) -> bytes:
        """Return the message with its header."""
        length = 16 + len(self.body)
        return struct.pack("=IHHII", length, self.type, flags | self.flags, sequence, 0) + self.body


class Netlink:
    """A conversation with the kernel about one network namespace: the one `sock` was made in.

    Without `sock` a socket is made in the calling thread's namespace.  One thread at a time.
    """

    def __init__(self, sock: _socket.socket | None = None, protocol: int = ROUTE) -> None:
        self._socket = sock or _socket.socket(
            _socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, protocol
        )
        self._sequence = 0
        for option in (_CAP_ACK, _EXT_ACK):
            try:
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            except OSError:
                pass  # an old kernel: errors come without their explanation

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket, a handed-in one too."""
        self._socket.close()

    def transact(self, *messages: Message) -> None:
        """Send all messages at once and wait until the kernel has performed them, in order.

        Raises SyscallError for the first one that was refused.  The kernel performs those after
        it all the same: give up the namespace, or undo.
        """
        first = self._send(messages, _REQUEST | _ACK)
        waiting = {first + index: message for index, message in enumerate(messages)}
        failure: SyscallError | None = None
        while waiting:
            for type, flags, sequence, payload in self._receive():
                if type != _ERROR or sequence not in waiting:
                    continue  # what an interrupted conversation left behind
                error = _refusal(waiting.pop(sequence), flags, payload)
                failure = failure or error
        if failure:
            raise failure

    def batch(self, begin: Message, end: Message, *messages: Message) -> None:
        """Send messages that the kernel performs all together or, if it refuses one, not at all.

        `begin` and `end` are the marks round them, which are answered only if they are refused.
        Raises SyscallError for what was refused.  Source: linux/netfilter/nfnetlink.h.
        """
        first = self._sequence + 1
        self._sequence += len(messages) + 2
        numbered = dict(enumerate((begin, *messages, end), first))
        marks = (first, self._sequence)
        self._write(
            [
                each.encode(number, _REQUEST | (0 if number in marks else _ACK))
                for number, each in numbered.items()
            ],
            messages,
        )
        waiting = set(numbered) - set(marks)
        while waiting:
            for type, flags, sequence, payload in self._receive():
                if type != _ERROR or sequence not in numbered:
                    continue
                waiting.discard(sequence)
                error = _refusal(numbered[sequence], flags, payload)
                if error:
                    raise error

    def query(self, message: Message, dump: bool = False) -> list[bytes]:
        """Return the bodies of the kernel's answers to a question.

        `dump` asks for all objects there are.  Raises SyscallError if the kernel refuses, and
        for a dump (EINTR) if the objects keep changing while they are listed.
        """
        for _ in range(_DUMP_ATTEMPTS):
            sequence = self._send((message,), _REQUEST | (_DUMP if dump else _ACK))
            answers, complete = self._collect(message, sequence)
            if complete:
                return answers
        raise SyscallError(errno.EINTR, f"netlink: {message.operation}")

    def _send(self, messages: tuple[Message, ...], flags: int) -> int:
        first = self._sequence + 1
        self._sequence += len(messages)
        data = [message.encode(first + index, flags) for index, message in enumerate(messages)]
        self._write(data, messages)
        return first

    def _write(self, data: list[bytes], messages: tuple[Message, ...]) -> None:
        try:
            sent = self._socket.send(b"".join(data))
            if tap.listener is not None:
                tap.tell("sendto", {"family": "AF_NETLINK", "messages": _names(messages)}, sent)
        except OSError as error:
            names = _names(messages)
            raise SyscallError(error.errno or errno.EIO, f"netlink: {names}") from error

    def _receive(self) -> list[tuple[int, int, int, bytes]]:
        """Return (type, flags, sequence, payload) of each message of the next datagram."""
        try:
            data = self._socket.recv(_BUFFER)
        except OSError as error:
            raise SyscallError(error.errno or errno.EIO, "netlink: recv") from error
        found, offset = [], 0
        while offset + 16 <= len(data):
            length, type, flags, sequence = struct.unpack_from("=IHHI", data, offset)
            found.append((type, flags, sequence, data[offset + 16 : offset + length]))
            offset += max(16, _aligned(length))
        return found

    def _collect(self, message: Message, sequence: int) -> tuple[list[bytes], bool]:
        answers: list[bytes] = []
        complete = True
        while True:
            for type, flags, number, payload in self._receive():
                if number != sequence:
                    continue
                complete = complete and not flags & _DUMP_INTERRUPTED
                if type == _DONE:
                    return answers, complete
                if type == _ERROR:
                    error = _refusal(message, flags, payload)
                    if error:
                        raise error
                    return answers, complete
                answers.append(payload)


def _names(messages: tuple[Message, ...]) -> str:
    return ", ".join(message.operation for message in messages)


def _refusal(message: Message, flags: int, payload: bytes) -> SyscallError | None:
    (code,) = struct.unpack_from("=i", payload)
    if code == 0 or -code in message.tolerated:
        return None
    text = _explanation(payload) if flags & _HAS_TEXT else ""
    return SyscallError(-code, f"netlink: {message.operation}" + (f" ({text})" if text else ""))


def _explanation(payload: bytes) -> str:
    """Return the kernel's own sentence from an acknowledgement without the request's body."""
    offset = 20
    while offset + 4 <= len(payload):
        length, type = struct.unpack_from("=HH", payload, offset)
        if type == _TEXT:
            return payload[offset + 4 : offset + length].rstrip(b"\0").decode(errors="replace")
        offset += max(4, _aligned(length))
    return ""


def attribute(type: int, value: bytes) -> bytes:
    """Return an attribute, padded, as it stands in a request's body."""
    length = 4 + len(value)
    return struct.pack("=HH", length, type) + value + bytes(_aligned(length) - length)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
