"""A container's way to its network: a veth pair from a bridge into the container's namespace.

Performed by the spawner's child at every container start, so it imports little.  The pair is
never deleted: it goes when the container's last process does, with the namespace.
Source: veth(4), network_namespaces(7).
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from lab.kernel import rtnetlink, syscalls
from lab.kernel.flags import CLONE
from lab.kernel.netlink import Message, Netlink


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a container is plugged in.

    `host_name` is the interface on the sandbox's side, a port of `bridge`; `name` the one in the
    container.  `gateway` is the default route's next hop, empty for none.  `mtu` in bytes.  A
    `separate` endpoint reaches the bridge's own address, and no other separate endpoint.
    `others` are more addresses, with the lengths of their prefixes: `2001:db8::2/64`.
    """

    host_name: str
    name: str
    bridge: str
    address: str
    prefix_length: int
    gateway: str
    mac: str
    mtu: int = 1500
    separate: bool = False
    others: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the record as it travels to the spawner."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: dict[str, Any]) -> Endpoint:
        """Return the record from the members that `to_json` made."""
        return cls(**members)


def attach(endpoint: dict[str, Any], container_netns: int) -> None:
    """Plug the container whose network namespace is the open file `container_netns` in.

    `endpoint` is the JSON form of an Endpoint.
    The calling process must be single-threaded, in the sandbox's network namespace, and allowed
    to administer both namespaces; it is back in the sandbox's namespace afterwards.  Loopback is
    brought up too.  Raises SyscallError; what was made then goes with the container's namespace.
    """
    plan = Endpoint.from_json(endpoint)
    with Netlink() as sandbox:
        join(plan, sandbox, container_netns)
    with netlink_of(container_netns) as container:
        configure(plan, container)


def isolate(container_netns: int) -> None:
    """Give a container without a network its loopback; the caller as for `attach`."""
    with netlink_of(container_netns) as container:
        container.transact(rtnetlink.set_up(rtnetlink.LOOPBACK))


def join(endpoint: Endpoint, sandbox: Netlink, container_netns: int) -> None:
    """Do the sandbox's side: make the pair, one end a port of the bridge, one in the container."""
    bridge = rtnetlink.link_index(sandbox, endpoint.bridge)
    mac = bytes.fromhex(endpoint.mac.replace(":", ""))
    sandbox.transact(
        rtnetlink.create_veth(
            endpoint.host_name, bridge, endpoint.mtu, endpoint.name, mac, container_netns
        )
    )
    if endpoint.separate:
        port = rtnetlink.link_index(sandbox, endpoint.host_name)
        sandbox.transact(rtnetlink.isolate_port(port))


def configure(endpoint: Endpoint, container: Netlink) -> None:
    """Do the container's side: loopback up, the address, the interface up, the default route."""
    # not always 2: some kernels put tunnel devices of their own into each namespace
    index = rtnetlink.link_index(container, endpoint.name)
    steps = [
        rtnetlink.set_up(rtnetlink.LOOPBACK),
        rtnetlink.no_link_local(index),
        rtnetlink.add_address(index, endpoint.address, endpoint.prefix_length),
        *(_added(index, other) for other in endpoint.others),
        rtnetlink.set_up(index),
    ]
    if endpoint.gateway:
        steps.append(rtnetlink.add_default_route(endpoint.gateway))
    container.transact(*steps)


def _added(index: int, other: str) -> Message:
    address, _, length = other.partition("/")
    return rtnetlink.add_address(index, address, int(length))


def netlink_of(netns: int) -> Netlink:
    """Return a Netlink about the namespace `netns`; single-threaded callers only."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(netns, CLONE.NEWNET)
        try:
            return Netlink()
        finally:
            syscalls.setns(own, CLONE.NEWNET)
    finally:
        os.close(own)
