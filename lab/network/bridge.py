"""Bridges in the sandbox's network namespace: the switch that a network's containers share."""

from __future__ import annotations

import threading

from lab.errors import SyscallError
from lab.kernel import links, rtnetlink
from lab.kernel.netlink import Netlink
from lab.network.ipam import Pool, mac_of

DEFAULT_BRIDGE = "docker0"
DEFAULT_MTU = 1500


def bridge_name(network_id: str) -> str:
    """Return the name of a user network's bridge, as Docker makes it from the network's id."""
    return f"br-{network_id[:12]}"


class Bridges:
    """Makes and deletes bridges through `netlink`, whose socket belongs to the sandbox's namespace.

    Safe to use from several threads.
    """

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink
        self._lock = threading.Lock()

    def create(self, name: str, pool: Pool, mtu: int = DEFAULT_MTU) -> None:
        """Make a bridge, up, that has the pool's gateway as its address.

        Raises SyscallError, and then leaves no bridge behind; EEXIST if there is one already.
        """
        mac = bytes.fromhex(mac_of(pool.gateway).replace(":", ""))
        with self._lock:
            self._netlink.transact(rtnetlink.create_bridge(name, mac, mtu))
            try:
                self._equip(name, pool)
            except SyscallError:
                self._netlink.transact(rtnetlink.delete_link(name))
                raise

    def remove(self, name: str) -> None:
        """Delete a bridge; raises SyscallError, ENODEV if there is none."""
        with self._lock:
            self._netlink.transact(rtnetlink.delete_link(name))

    def links(self) -> list[links.Link]:
        """Return every interface on the sandbox's side: the bridges, and the containers' ends."""
        with self._lock:
            return links.links(self._netlink)

    def _equip(self, name: str, pool: Pool) -> None:
        index = rtnetlink.link_index(self._netlink, name)
        self._netlink.transact(
            # the sandbox's namespace begins with its loopback down
            rtnetlink.set_up(rtnetlink.LOOPBACK),
            rtnetlink.no_link_local(index),
            rtnetlink.add_address(index, str(pool.gateway), pool.subnet.prefixlen),
            rtnetlink.set_up(index),
        )
