"""A network's addresses as a client asks for them: subnet, range, gateway, auxiliary addresses.

Source: moby, daemon/network.go (what is checked, and the wording of errors).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from lab.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Wish:
    """What a network's addresses are to be; None where the engine chooses."""

    subnet: IPv4Network | None
    ip_range: IPv4Network | None
    gateway: IPv4Address | None
    aux: dict[str, IPv4Address]


def parse_config(
    subnet: str, ip_range: str, gateway: str, aux: Mapping[str, str] | None = None
) -> Wish:
    """Check a network's addresses as Docker does, all complaints in one message."""
    faults: list[str] = []
    outer = _network(subnet, "subnet", faults) if subnet else None
    inner = _network(ip_range, "ip-range", faults) if ip_range else None
    router = _gateway(gateway, faults) if gateway else None
    if outer and inner:
        faults += _range_faults(inner, outer)
    if outer and router and router not in outer:
        faults.append(f"invalid gateway {gateway}: {_outside(outer)}")
    if ip_range and not subnet:
        faults.append(f"invalid ip-range {ip_range}: it needs a parent subnet")
    others = _auxiliary(aux or {}, outer, faults)
    if faults:
        lines = faults if len(faults) == 1 else [f"* {fault}" for fault in faults]
        raise InvalidParameter("invalid network config:\n" + "\n".join(lines))
    return Wish(outer, inner, router, others)


def _auxiliary(
    aux: Mapping[str, str], outer: IPv4Network | None, faults: list[str]
) -> dict[str, IPv4Address]:
    found = {}
    for name, text in aux.items():
        try:
            found[name] = IPv4Address(text)
        except ValueError:
            faults.append(f"invalid auxiliary address {name}: {text} is no IPv4 address")
            continue
        if outer and found[name] not in outer:
            faults.append(f"invalid auxiliary address {name}: {_outside(outer)}")
    return found


def _outside(outer: IPv4Network) -> str:
    return f"parent subnet {outer} doesn't contain this address"


def _network(text: str, what: str, faults: list[str]) -> IPv4Network | None:
    try:
        network = IPv4Network(text, strict=False)
    except ValueError:
        faults.append(f"invalid {what} {text}: an IPv4 block such as 10.1.0.0/16 is wanted")
        return None
    if str(network.network_address) != text.partition("/")[0]:
        faults.append(f"invalid {what} {text}: it should be {network}")
    return network


def _gateway(text: str, faults: list[str]) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except ValueError:
        faults.append(f"invalid gateway address {text} in Ipam configuration")
        return None


def _range_faults(inner: IPv4Network, outer: IPv4Network) -> Iterator[str]:
    if inner.prefixlen < outer.prefixlen:
        yield f"invalid ip-range {inner}: CIDR block is bigger than its parent subnet {outer}"
    if not inner.overlaps(outer):
        yield f"invalid ip-range {inner}: parent subnet {outer} doesn't contain ip-range"
