"""What is in a network namespace: its links with their counters, and their addresses.

Source: rtnetlink(7), linux/if_link.h, linux/if_addr.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lab.kernel.netlink import Message, Netlink
from lab.kernel.rtnetlink import RTM_GETADDR, RTM_GETLINK

_IFF_UP = 1
_ADDRESS, _IFNAME, _MTU, _LINK, _MASTER, _LINKINFO, _STATS64 = 1, 3, 4, 5, 10, 18, 23
_INFO_KIND = 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_TYPE_MASK = 0x3FFF


@dataclass(frozen=True, slots=True)
class Counters:
    """What a link has carried since it was made, seen from its own side."""

    rx_packets: int = 0
    tx_packets: int = 0
    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_errors: int = 0
    tx_errors: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface.

    `kind` is `bridge`, `veth`, ... and empty for loopback and hardware.  `master` is the index
    of the bridge that it is a port of, `peer` the index of a veth's other end in the other end's
    namespace; 0 where there is none.  `mac` is as `02:42:ac:11:00:02`.
    """

    index: int
    name: str
    kind: str
    up: bool
    mtu: int
    mac: str
    master: int
    peer: int
    counters: Counters


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv4 or IPv6 address of the link with index `link`."""

    link: int
    address: str
    prefix_length: int


def links(netlink: Netlink) -> list[Link]:
    """Return all links of the namespace.  Raises SyscallError."""
    question = Message("list links", RTM_GETLINK, bytes(16))
    return [_parse_link(body) for body in netlink.query(question, dump=True)]


def addresses(netlink: Netlink) -> list[Address]:
    """Return all addresses of the namespace.  Raises SyscallError."""
    question = Message("list addresses", RTM_GETADDR, bytes(8))
    return [_parse_address(body) for body in netlink.query(question, dump=True)]


def format_mac(mac: bytes) -> str:
    """Return a hardware address as text: `02:42:ac:11:00:02`."""
    return mac.hex(":")


def _parse_link(body: bytes) -> Link:
    index, flags = struct.unpack_from("=iI", body, 4)
    found = dict(_attributes(body, 16))
    info = dict(_attributes(found.get(_LINKINFO, b""), 0))
    return Link(
        index=index,
        name=_text(found.get(_IFNAME, b"")),
        kind=_text(info.get(_INFO_KIND, b"")),
        up=bool(flags & _IFF_UP),
        mtu=_number(found.get(_MTU)),
        mac=format_mac(found.get(_ADDRESS, b"")),
        master=_number(found.get(_MASTER)),
        peer=_number(found.get(_LINK)),
        counters=_counters(found.get(_STATS64, b"")),
    )


def _counters(value: bytes) -> Counters:
    return Counters(*struct.unpack_from("=8Q", value)) if len(value) >= 64 else Counters()


def _parse_address(body: bytes) -> Address:
    family, prefix_length, _, _, link = struct.unpack_from("=BBBBi", body)
    found = dict(_attributes(body, 8))
    packed = found.get(_IFA_LOCAL) or found[_IFA_ADDRESS]
    return Address(link, socket.inet_ntop(family, packed), prefix_length)


def _attributes(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    while offset + 4 <= len(data):
        length, type = struct.unpack_from("=HH", data, offset)
        if length < 4:
            return
        yield type & _TYPE_MASK, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")


def _number(value: bytes | None) -> int:
    return int(struct.unpack("=I", value)[0]) if value else 0
