"""Where on the host, or beyond it, a container's packet leads: decided here, done elsewhere.

As with Docker, any gateway's address means the host, and only what listens at all of the host's
addresses (or at such a one itself) is reached by it: what listens at 127.0.0.1 is for the host
alone.  The other networks of the lab, and what is not on the way out of an internal one, are out
of reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.network.rules import Segment

HOST = "127.127.0.1"
"""An address of every host's loopback at which nobody listens but who listens at all addresses."""

DNS = 53


@dataclass(frozen=True, slots=True)
class Target:
    """An address to connect to in the host's network, and from which, if that matters.

    `otherwise` is asked if nobody listens at `address`; empty for nobody.
    """

    address: str
    port: int
    source: str = ""
    otherwise: str = ""


class Destinations:
    """`resolver` is a name server that only the host can reach (127.0.0.53), empty for none: it
    answers at the gateways' port of DNS.  `outer` is the machine around this one, if it is one
    that seems to be the host from the inside (a virtual machine's)."""

    def __init__(self, resolver: str = "", outer: str = "") -> None:
        self._resolver = resolver
        self._outer = outer
        self._segments: tuple[Segment, ...] = ()

    def show(self, segments: Sequence[Segment]) -> None:
        """Take note of the networks that there are now."""
        self._segments = tuple(segments)

    def find(self, source: IPv4Address, destination: IPv4Address, port: int) -> Target | None:
        """Return where a packet from `source` leads, None for nowhere."""
        own = next((each for each in self._segments if source in each.subnet), None)
        internal = own is not None and own.internal
        gateways = [each.gateway for each in self._segments]
        if destination in gateways:
            if internal and own is not None and destination != own.gateway:
                return None
            return self._on_host(source, port)
        if internal or _is_nobody(destination):
            return None
        if any(destination in each.subnet for each in self._segments):
            return None
        return Target(str(destination), port)

    def is_gateway(self, address: IPv4Address) -> bool:
        """Return whether this address means the host."""
        return any(address == each.gateway for each in self._segments)

    def _on_host(self, source: IPv4Address, port: int) -> Target:
        if port == DNS and self._resolver:
            return Target(self._resolver, port)
        return Target(HOST, port, _face(source), self._outer)


def _face(source: IPv4Address) -> str:
    """Return the loopback address as which a container appears: never the host's own 127.0.0.1."""
    _, second, third, fourth = source.packed
    return f"127.{second | 128}.{third}.{fourth}"


def _is_nobody(address: IPv4Address) -> bool:
    return address.is_loopback or address.is_multicast or address.is_unspecified
