"""What plugs one container into one network: decided here, performed by lab.kernel.veth."""

from __future__ import annotations

import secrets
from ipaddress import IPv4Address

from lab.kernel.veth import Endpoint
from lab.network.bridge import DEFAULT_MTU
from lab.network.ipam import Pool, mac_of

__all__ = ["Endpoint", "plan_endpoint"]


def plan_endpoint(
    bridge: str,
    pool: Pool,
    address: IPv4Address,
    *,
    number: int = 0,
    mac: str = "",
    mtu: int = DEFAULT_MTU,
) -> Endpoint:
    """Return the plan for a container's interface `eth<number>` with `address` on `bridge`.

    The first interface gets the default route.  The name on the sandbox's side is fresh each
    time: the interface of a container that just ended may still be there.
    """
    return Endpoint(
        host_name=f"veth{secrets.token_hex(5)}",
        name=f"eth{number}",
        bridge=bridge,
        address=str(address),
        prefix_length=pool.subnet.prefixlen,
        gateway=str(pool.gateway) if number == 0 else "",
        mac=mac or mac_of(address),
        mtu=mtu,
    )
