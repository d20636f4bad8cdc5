"""UDP as it is on the wire: taking a container's packet apart, and making the answer's.

The sandbox forwards nothing, so what containers send to the outside is read by a packet socket,
and the answers are sent by a raw one, from the address that was asked.  Source: packet(7), raw(7),
RFC 791, RFC 768, linux/filter.h.
"""

from __future__ import annotations

import ctypes
import itertools
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

_IP = struct.Struct(">BBHHHBBH4s4s")
_UDP = struct.Struct(">HHHH")
_TTL = 64
_MORE = 0x2000
_SO_ATTACH_FILTER = 26
_IDENTITIES = itertools.count(1)

_HOST_PACKETS_ONLY = 0xFFFFF000 + 4
_FILTER = (
    # code, jump if true, jump if false, value: UDP to this machine, whole, not to its loopback
    (0x20, 0, 0, _HOST_PACKETS_ONLY),
    (0x15, 0, 7, 0),
    (0x30, 0, 0, 9),
    (0x15, 0, 5, socket.IPPROTO_UDP),
    (0x28, 0, 0, 6),
    (0x45, 3, 0, 0x3FFF),
    (0x30, 0, 0, 16),
    (0x15, 1, 0, 127),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)


class Datagram(NamedTuple):
    """A UDP datagram."""

    source: IPv4Address
    source_port: int
    destination: IPv4Address
    port: int
    data: bytes


def hear_udp_only(sock: socket.socket) -> None:
    """Let a packet socket hear only the UDP packets that come to its namespace, from now on."""
    instructions = b"".join(struct.pack("=HBBI", *each) for each in _FILTER)
    content = ctypes.create_string_buffer(instructions, len(instructions))
    program = struct.pack("@HP", len(_FILTER), ctypes.addressof(content))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def parse(packet: bytes) -> Datagram | None:
    """Return the datagram in an IPv4 packet; None if there is no whole one."""
    if len(packet) < _IP.size or packet[0] >> 4 != 4:
        return None
    start = (packet[0] & 15) * 4
    if len(packet) < start + _UDP.size:
        return None
    source, destination = packet[12:16], packet[16:20]
    source_port, port, length, _ = _UDP.unpack_from(packet, start)
    if length < _UDP.size or start + length > len(packet):
        return None
    data = packet[start + _UDP.size : start + length]
    return Datagram(IPv4Address(source), source_port, IPv4Address(destination), port, data)


def encode(datagram: Datagram, mtu: int) -> Iterator[bytes]:
    """Yield the packets of a datagram, each at most `mtu` bytes long, for a raw socket.

    The kernel fills in the header's checksum; a datagram needs none.
    """
    length = _UDP.size + len(datagram.data)
    content = _UDP.pack(datagram.source_port, datagram.port, length, 0) + datagram.data
    size = (mtu - _IP.size) & ~7
    identity = next(_IDENTITIES) & 0xFFFF
    for start in range(0, len(content), size):
        piece = content[start : start + size]
        more = _MORE if start + size < len(content) else 0
        header = _IP.pack(
            0x45,
            0,
            _IP.size + len(piece),
            identity,
            more | start >> 3,
            _TTL,
            socket.IPPROTO_UDP,
            0,
            datagram.source.packed,
            datagram.destination.packed,
        )
        yield header + piece
