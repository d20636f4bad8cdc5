"""Which subnets networks have, and which addresses in them are taken.  Nothing is done here.

State is restored by asking again for what was given out: `request_pool` with the subnet that a
network has, `request_address` with each address that is in use.
Source: moby, libnetwork's default IPAM driver (order of pools and addresses, wording of errors).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from lab.errors import Forbidden, InvalidParameter, NetworkError
from lab.network.ipam_config import parse_config

DEFAULT_SUBNET = "172.17.0.0/16"
DEFAULT_GATEWAY = "172.17.0.1"

PREDEFINED = (
    (IPv4Network("172.17.0.0/16"), 16),
    (IPv4Network("172.18.0.0/16"), 16),
    (IPv4Network("172.19.0.0/16"), 16),
    (IPv4Network("172.20.0.0/14"), 16),
    (IPv4Network("172.24.0.0/14"), 16),
    (IPv4Network("172.28.0.0/14"), 16),
    (IPv4Network("192.168.0.0/16"), 20),
)
"""Where subnets are taken from when none is asked for: blocks, and the prefix length of a subnet."""

_IN_USE = "Address already in use"


@dataclass(frozen=True, slots=True)
class Pool:
    """A network's addresses: containers get those in `ip_range`, which lies in `subnet`."""

    subnet: IPv4Network
    ip_range: IPv4Network
    gateway: IPv4Address


def mac_of(address: IPv4Address) -> str:
    """Return the hardware address that Docker gives an interface with this IPv4 address."""
    return f"02:42:{address.packed.hex(':')}"


class AddressSpace:
    """All subnets of one engine, none of which overlap.  Safe to use from several threads."""

    def __init__(self, predefined: Iterable[tuple[IPv4Network, int]] = PREDEFINED) -> None:
        self._predefined = tuple(predefined)
        self._taken: dict[IPv4Network, _Addresses] = {}
        self._lock = threading.Lock()

    def request_pool(
        self,
        subnet: str = "",
        ip_range: str = "",
        gateway: str = "",
        aux: Mapping[str, str] | None = None,
    ) -> Pool:
        """Reserve a subnet and the gateway's address in it.

        Without `subnet`, the next free predefined one; without `gateway`, the first address.
        No container gets an address of `aux`, whose keys are names for people.
        Raises InvalidParameter if the texts make no sense together or all predefined subnets are
        in use, Forbidden if the subnet overlaps with another, NetworkError if the gateway or an
        auxiliary address cannot be had.
        """
        wish = parse_config(subnet, ip_range, gateway, aux)
        with self._lock:
            chosen = self._free_subnet() if wish.subnet is None else self._checked(wish.subnet)
            addresses = _Addresses.of(chosen)
            inner = wish.ip_range or chosen
            given = _take_gateway(addresses, chosen, inner, wish.gateway)
            for name, address in wish.aux.items():
                _take_auxiliary(addresses, chosen, name, address)
            self._taken[chosen] = addresses
            return Pool(chosen, inner, given)

    def release_pool(self, pool: Pool) -> None:
        """Give a subnet back with all its addresses; an unknown one is no error."""
        with self._lock:
            self._taken.pop(pool.subnet, None)

    def request_address(self, pool: Pool, network: str, preferred: str = "") -> IPv4Address:
        """Reserve an address: `preferred`, or the lowest free one of the pool's range.

        As in Docker, an address is given out again as soon as it is released.  `network` is
        `NAME (ID)`, for the message.  Raises InvalidParameter if `preferred` is not of the
        subnet, Forbidden if it is taken, NetworkError if none is left.
        """
        with self._lock:
            addresses = self._addresses(pool)
            if preferred:
                address = addresses.take(_parse_preferred(preferred, pool.subnet))
            else:
                address = addresses.take_any(pool.ip_range)
        if address:
            return address
        if preferred:
            raise Forbidden(_IN_USE)
        raise NetworkError(
            f"no available IPv4 addresses on this network's address pools: {network}"
        )

    def release_address(self, pool: Pool, address: IPv4Address) -> None:
        """Give an address back; one that is free already is no error."""
        with self._lock:
            addresses = self._taken.get(pool.subnet)
            if addresses:
                addresses.release(address)

    def in_use(self, pool: Pool) -> list[IPv4Address]:
        """Return the addresses given out, the gateway's too, in order."""
        with self._lock:
            return [IPv4Address(number) for number in sorted(self._addresses(pool).used)]

    def _addresses(self, pool: Pool) -> _Addresses:
        try:
            return self._taken[pool.subnet]
        except KeyError:
            message = "address space does not contain specified address pool"
            raise InvalidParameter(message) from None

    def _checked(self, subnet: IPv4Network) -> IPv4Network:
        if any(subnet.overlaps(other) for other in self._taken):
            raise Forbidden(
                "invalid pool request: Pool overlaps with other one on this address space"
            )
        return subnet

    def _free_subnet(self) -> IPv4Network:
        for candidate in self._candidates():
            if not any(candidate.overlaps(other) for other in self._taken):
                return candidate
        raise InvalidParameter("all predefined address pools have been fully subnetted")

    def _candidates(self) -> Iterator[IPv4Network]:
        for block, length in self._predefined:
            yield from block.subnets(new_prefix=length)


@dataclass(slots=True)
class _Addresses:
    """The addresses of one subnet, as numbers: those that may be used, those that are.

    No free address is below `lowest`, so that a full search is rarely needed.
    """

    first: int
    last: int
    lowest: int
    used: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, subnet: IPv4Network) -> _Addresses:
        first, last = int(subnet.network_address), int(subnet.broadcast_address)
        if last - first > 1:
            # the network's own and the broadcast address; a /31 has neither (RFC 3021)
            first, last = first + 1, last - 1
        return cls(first, last, first)

    def take(self, address: IPv4Address) -> IPv4Address | None:
        number = int(address)
        if number in self.used or not self.first <= number <= self.last:
            return None
        self.used.add(number)
        return address

    def take_any(self, inner: IPv4Network) -> IPv4Address | None:
        start = max(self.lowest, int(inner.network_address))
        for number in range(start, min(self.last, int(inner.broadcast_address)) + 1):
            if number not in self.used:
                self.used.add(number)
                if start == self.lowest:
                    self.lowest = number + 1
                return IPv4Address(number)
        return None

    def release(self, address: IPv4Address) -> None:
        self.used.discard(int(address))
        self.lowest = max(self.first, min(self.lowest, int(address)))


def _take_gateway(
    addresses: _Addresses, subnet: IPv4Network, inner: IPv4Network, wanted: IPv4Address | None
) -> IPv4Address:
    given = None
    if wanted is None:
        reason, given = "no available addresses on this pool", addresses.take_any(inner)
    elif wanted not in subnet:
        reason = "requested address is out of range"
    else:
        reason, given = _IN_USE, addresses.take(wanted)
    if given is None:
        raise NetworkError(f"failed to allocate gateway ({wanted or ''}): {reason}")
    return given


def _take_auxiliary(
    addresses: _Addresses, subnet: IPv4Network, name: str, address: IPv4Address
) -> None:
    if address not in subnet:
        raise Forbidden(
            f"auxiliary address: ({name}:{address}) must belong to the master pool: {subnet}"
        )
    if addresses.take(address) is None:
        raise NetworkError(f"failed to allocate secondary ip address ({name}:{address}): {_IN_USE}")


def _parse_preferred(text: str, subnet: IPv4Network) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except ValueError:
        raise InvalidParameter(f"invalid IPv4 address: {text}") from None
    if address not in subnet:
        raise InvalidParameter(
            f"invalid address {text}: It does not belong to any of this network's subnets"
        )
    return address
