"""IPv6 subnets of networks, beside their IPv4 ones, and which addresses in them are taken.

State is restored by asking again for what was given out, as in lab.network.ipam.
Source: moby, libnetwork's default IPAM driver (order of addresses, wording of errors); RFC 4193.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

from lab.errors import Forbidden, InvalidParameter, NetworkError

_LINK_LOCAL = IPv6Network("fe80::/10")
_IN_USE = "Address already in use"


@dataclass(frozen=True, slots=True)
class Pool6:
    """A network's IPv6 addresses."""

    subnet: IPv6Network
    gateway: IPv6Address


class AddressSpace6:
    """All IPv6 subnets of one engine, none of which overlap.  Safe to use from several threads."""

    def __init__(self) -> None:
        self._taken: dict[IPv6Network, set[int]] = {}
        self._lock = threading.Lock()

    def request_pool(self, subnet: str = "", gateway: str = "") -> Pool6:
        """Reserve a subnet and the gateway's address in it.

        Without `subnet`, one of the unique local kind; without `gateway`, the first address.
        Raises InvalidParameter for texts that make no sense, Forbidden for a subnet that overlaps
        with another.
        """
        with self._lock:
            wanted = check_subnet6(subnet) if subnet else _unique_local()
            if any(wanted.overlaps(other) for other in self._taken):
                raise Forbidden(
                    "invalid pool request: Pool overlaps with other one on this address space"
                )
            router = _address(gateway, wanted) if gateway else wanted[1]
            self._taken[wanted] = {int(router)}
            return Pool6(wanted, router)

    def release_pool(self, pool: Pool6) -> None:
        """Give a subnet back with all its addresses; an unknown one is no error."""
        with self._lock:
            self._taken.pop(pool.subnet, None)

    def request_address(self, pool: Pool6, preferred: str = "") -> IPv6Address:
        """Reserve an address: `preferred`, or the lowest free one.

        Raises InvalidParameter if `preferred` is not of the subnet, Forbidden if it is taken,
        NetworkError if none is left.
        """
        with self._lock:
            used = self._taken.setdefault(pool.subnet, {int(pool.gateway)})
            address = _address(preferred, pool.subnet) if preferred else _free(pool.subnet, used)
            if int(address) in used:
                raise Forbidden(_IN_USE)
            used.add(int(address))
            return address

    def release_address(self, pool: Pool6, address: IPv6Address) -> None:
        """Give an address back; one that is free already is no error."""
        with self._lock:
            self._taken.get(pool.subnet, set()).discard(int(address))


def _free(subnet: IPv6Network, used: set[int]) -> IPv6Address:
    first = int(subnet.network_address) + 1
    # as many as are used may be taken, and one more
    for number in range(first, min(first + len(used) + 1, first + subnet.num_addresses - 1)):
        if number not in used:
            return IPv6Address(number)
    raise NetworkError("no available IPv6 addresses on this network's address pools")


def check_subnet6(text: str) -> IPv6Network:
    """Return the subnet of a text; InvalidParameter for none that can be used."""
    try:
        network = IPv6Network(text, strict=False)
    except ValueError:
        raise InvalidParameter(f"invalid network config:\ninvalid subnet {text}") from None
    if IPv6Address(text.partition("/")[0]) != network.network_address:
        message = f"invalid network config:\ninvalid subnet {text}: it should be {network}"
        raise InvalidParameter(message)
    if network.overlaps(_LINK_LOCAL) or network.is_multicast or network.prefixlen > 126:
        raise InvalidParameter(f"invalid network config:\nsubnet {text} is not allowed")
    return network


def _address(text: str, subnet: IPv6Network) -> IPv6Address:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise InvalidParameter(f"invalid IPv6 address: {text}") from None
    if address not in subnet:
        raise InvalidParameter(
            f"invalid address {text}: It does not belong to any of this network's subnets"
        )
    return address


def _unique_local() -> IPv6Network:
    """Return a /64 whose first 40 bits after `fd` are chosen at random."""
    return IPv6Network(((0xFD << 120) | (secrets.randbits(40) << 80), 64))
