"""Which packets of containers are handed to the way out: the packet filter's rules, decided here.

TCP connections to the outside, and to the host (by a gateway's address), are redirected to the
listener of lab.network.wayout.  What goes from one network to another is left alone, and nothing
forwards it.  UDP is copied from the wire (lab.network.packets), so it needs no rule but this: that
the kernel does not tell the sender that nobody listens.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from lab.kernel import nftables
from lab.kernel.nftables import Chain, Expression

LOOPBACK = IPv4Network("127.0.0.0/8")
_LO = "lo"


@dataclass(frozen=True, slots=True)
class Segment:
    """A bridge network as its packets show it.  From one that is `internal` nothing goes out."""

    bridge: str
    subnet: IPv4Network
    gateway: IPv4Address
    internal: bool = False


def chains(segments: Iterable[Segment], port: int) -> list[Chain]:
    """Return the chains for these networks, whose connections are to go to the listener at `port`."""
    each = tuple(segments)
    return [
        Chain("containers", "nat", nftables.PREROUTING, nftables.DSTNAT, _incoming(each, port)),
        Chain("host-network", "nat", nftables.OUTPUT, nftables.DSTNAT, _own(each, port)),
        Chain("silence", "filter", nftables.OUTPUT, nftables.FILTER, [_silence()]),
    ]


def _incoming(segments: Sequence[Segment], port: int) -> list[list[Expression]]:
    tcp, redirect = nftables.carries(socket.IPPROTO_TCP), nftables.redirect(port)
    rules: list[list[Expression]] = []
    for segment in segments:
        if segment.internal:
            arrives = nftables.arrives_by(segment.bridge)
            to_host = nftables.goes_to(segment.gateway)
            rules.append([*arrives, *to_host, *tcp, *redirect])
            rules.append([*arrives, *nftables.accept()])
    not_own = nftables.arrives_not_by(_LO)
    rules += [
        [*not_own, *nftables.goes_to(segment.gateway), *tcp, *redirect] for segment in segments
    ]
    rules += [[*nftables.goes_to(segment.subnet), *nftables.accept()] for segment in segments]
    rules.append([*not_own, *tcp, *redirect])
    return rules


def _own(segments: Sequence[Segment], port: int) -> list[list[Expression]]:
    """Connections of containers in the sandbox's own network namespace (`--network host`)."""
    inside = [LOOPBACK, *(segment.subnet for segment in segments)]
    rules = [[*nftables.goes_to(network), *nftables.accept()] for network in inside]
    rules.append([*nftables.carries(socket.IPPROTO_TCP), *nftables.redirect(port)])
    return rules


def _silence() -> list[Expression]:
    return [*nftables.says_port_unreachable(), *nftables.drop()]
