"""What plugs one container into one network: decided here, performed by lab.kernel.veth."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from ipaddress import IPv4Address

from lab.kernel.veth import Endpoint
from lab.network.bridge import DEFAULT_MTU
from lab.network.ipam import Pool, mac_of

__all__ = ["Endpoint", "plan_endpoint"]


def plan_endpoint(
    bridge: str,
    pool: Pool,
    address: str,
    *,
    number: int = 0,
    gateway: str = "",
    mac: str = "",
    mtu: int = DEFAULT_MTU,
    separate: bool = False,
    others: Sequence[str] = (),
) -> Endpoint:
    """Return the plan for a container's interface `eth<number>` with `address` on `bridge`.

    `gateway` is given to the interface that gets the default route.  The name on the sandbox's
    side is fresh each time: the interface of a container that just ended may still be there.
    """
    return Endpoint(
        host_name=f"veth{secrets.token_hex(5)}",
        name=f"eth{number}",
        bridge=bridge,
        address=address,
        prefix_length=pool.subnet.prefixlen,
        gateway=gateway,
        mac=mac or mac_of(IPv4Address(address)),
        mtu=mtu,
        separate=separate,
        others=tuple(others),
    )
