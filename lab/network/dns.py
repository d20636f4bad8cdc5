"""DNS messages: questions read, answers made.  Nothing is sent here.

Source: RFC 1035 (format), RFC 6891 (EDNS: how large an answer may be).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

A, PTR, MX, AAAA, OPT = 1, 12, 15, 28, 41
NO_ERROR, SERVER_FAILURE, NAME_ERROR, REFUSED = 0, 2, 3, 5
SMALLEST = 512
"""Bytes that every client can take in one datagram."""
LARGEST = 65535
TTL = 600
"""Seconds that an answer may be remembered; Docker's value."""

_REVERSE, _REVERSE6 = ".in-addr.arpa", ".ip6.arpa"
_INTERNET = 1
_RESPONSE, _TRUNCATED, _RECURSION_AVAILABLE = 0x8000, 0x0200, 0x0080
_RECURSION_DESIRED = 0x0100
_OPCODE = 0x7800
_NAME_OF_QUESTION = b"\xc0\x0c"
_LABEL_LIMIT, _NAME_LIMIT = 63, 255


@dataclass(frozen=True, slots=True)
class Query:
    """A question: `name` in small letters without the last dot, `type` such as A.

    `question` is the section as it was sent, `limit` the bytes of the largest answer that the
    client can take in a datagram.
    """

    id: int
    flags: int
    name: str
    type: int
    question: bytes
    limit: int = SMALLEST

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """Return the address whose name is asked for; None if it is another question."""
        if self.type != PTR:
            return None
        try:
            if self.name.endswith(_REVERSE6):
                digits = self.name.removesuffix(_REVERSE6).split(".")
                return IPv6Address(bytes.fromhex("".join(reversed(digits))))
            if not self.name.endswith(_REVERSE):
                return None
            return IPv4Address(".".join(reversed(self.name.removesuffix(_REVERSE).split("."))))
        except ValueError:
            return None


def parse(data: bytes) -> Query | None:
    """Return the question in a message; None for what is none, or not one question."""
    if len(data) < 12:
        return None
    id, flags, questions, answers, authorities, extras = struct.unpack_from(">6H", data)
    if flags & (_RESPONSE | _OPCODE) or questions != 1:
        return None
    try:
        labels, end = _read_name(data, 12)
        type, kind = struct.unpack_from(">HH", data, end)
    except (IndexError, struct.error, UnicodeDecodeError):
        return None
    if kind != _INTERNET:
        return None
    end += 4
    limit = SMALLEST
    if not answers and not authorities and extras:
        limit = _datagram_limit(data[end:])
    return Query(id, flags, ".".join(labels).lower(), type, data[12:end], limit)


def with_addresses(query: Query, addresses: Iterable[IPv4Address | IPv6Address]) -> bytes:
    """Return the answer that a name has these addresses, all of the kind that is asked for."""
    return _response(query, [_record(query.type, each.packed) for each in addresses])


def with_name(query: Query, name: str) -> bytes:
    """Return the answer that an address has this name."""
    return _response(query, [_record(PTR, encode_name(name))])


def without_content(query: Query, code: int = NO_ERROR) -> bytes:
    """Return an answer that says only how it went."""
    return _response(query, [], code)


def fitting(query: Query, answer: bytes) -> bytes:
    """Return an answer for a datagram: one that is too long without its content, marked as such."""
    if len(answer) <= query.limit:
        return answer
    empty = bytearray(_response(query, []))
    struct.pack_into(">H", empty, 2, struct.unpack_from(">H", answer, 2)[0] | _TRUNCATED)
    return bytes(empty)


def code_of(answer: bytes) -> int:
    """Return how it went, of an answer of at least 12 bytes."""
    return answer[3] & 0xF


def answers(query: Query, data: bytes) -> bool:
    """Return whether `data` is somebody's answer to this very question."""
    if len(data) < 12:
        return False
    id, flags, questions = struct.unpack_from(">3H", data)
    if id != query.id or not flags & _RESPONSE:
        return False
    # some servers leave the question out of a failure
    return questions == 0 or data[12 : 12 + len(query.question)].lower() == query.question.lower()


def encode_name(name: str) -> bytes:
    """Return a name as it stands in a message; what is too long is cut."""
    labels = [label.encode()[:_LABEL_LIMIT] for label in name.rstrip(".").split(".") if label]
    whole = b"".join(bytes([len(label)]) + label for label in labels)
    return whole[: _NAME_LIMIT - 1] + b"\0"


def _read_name(data: bytes, offset: int) -> tuple[Sequence[str], int]:
    """Return the labels of a question's name, and where it ends; no question has pointers."""
    labels = []
    while length := data[offset]:
        if length > _LABEL_LIMIT or offset > _NAME_LIMIT + 12:
            raise IndexError(offset)
        labels.append(data[offset + 1 : offset + 1 + length].decode("ascii"))
        offset += 1 + length
    return labels, offset + 1


def _datagram_limit(extra: bytes) -> int:
    """Return the size that a client's OPT record tells."""
    if len(extra) < 5 or extra[0] != 0:
        return SMALLEST
    type, size = struct.unpack_from(">HH", extra, 1)
    return max(SMALLEST, size) if type == OPT else SMALLEST


def _record(type: int, content: bytes) -> bytes:
    header = struct.pack(">HHIH", type, _INTERNET, TTL, len(content))
    return _NAME_OF_QUESTION + header + content


def _response(query: Query, records: Sequence[bytes], code: int = NO_ERROR) -> bytes:
    flags = _RESPONSE | _RECURSION_AVAILABLE | query.flags & _RECURSION_DESIRED | code
    header = struct.pack(">6H", query.id, flags, 1, len(records), 0, 0)
    return header + query.question + b"".join(records)
