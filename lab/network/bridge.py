"""Bridges in the sandbox's network namespace: the switch that a network's containers share."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Sequence

from lab.errors import SyscallError
from lab.kernel import links, rtnetlink, veth
from lab.kernel.netlink import Netlink
from lab.kernel.veth import Endpoint
from lab.network.ipam import Pool, mac_of
from lab.network.ipam6 import Pool6
from lab.network.rules import Segment

DEFAULT_BRIDGE = "docker0"
DEFAULT_MTU = 1500


def bridge_name(network_id: str) -> str:
    """Return the name of a user network's bridge, as Docker makes it from the network's id."""
    return f"br-{network_id[:12]}"


class Bridges:
    """Makes and deletes bridges through `netlink`, whose socket belongs to the sandbox's namespace.

    `show` is told of all of them whenever that changes: for the way out.  Safe to use from
    several threads.
    """

    def __init__(
        self, netlink: Netlink, show: Callable[[Sequence[Segment]], None] = lambda _: None
    ) -> None:
        self._netlink = netlink
        self._show = show
        self._segments: dict[str, Segment] = {}
        self._lock = threading.Lock()

    def create(
        self,
        name: str,
        pool: Pool,
        mtu: int = DEFAULT_MTU,
        *,
        internal: bool = False,
        pool6: Pool6 | None = None,
    ) -> None:
        """Make a bridge, up, that has the pools' gateways as its addresses.

        From an `internal` one nothing goes out.  Raises SyscallError, and then leaves no bridge
        behind; EEXIST if there is one already.
        """
        mac = bytes.fromhex(mac_of(pool.gateway).replace(":", ""))
        with self._lock:
            self._netlink.transact(rtnetlink.create_bridge(name, mac, mtu))
            self._segments[name] = Segment(name, pool.subnet, pool.gateway, internal)
            try:
                self._equip(name, pool, pool6)
                self._tell()
            except SyscallError:
                del self._segments[name]
                self._netlink.transact(rtnetlink.delete_link(name))
                raise

    def remove(self, name: str) -> None:
        """Delete a bridge; raises SyscallError, ENODEV if there is none."""
        with self._lock:
            self._netlink.transact(rtnetlink.delete_link(name))
            self._segments.pop(name, None)
            self._tell()

    def plug(self, endpoint: Endpoint, netns: int, container: Netlink) -> None:
        """Plug a running container in: its network namespace is the open file `netns`, and
        `container` a conversation about it.

        Raises SyscallError, and then leaves no interface behind.
        """
        with self._lock:
            veth.join(endpoint, self._netlink, netns)
        try:
            veth.configure(endpoint, container)
        except SyscallError:
            self.unplug(endpoint)
            raise

    def unplug(self, endpoint: Endpoint) -> None:
        """Take a running container's interface away; one that has gone already is no error."""
        try:
            self.remove(endpoint.host_name)
        except SyscallError as error:
            if error.errno != errno.ENODEV:
                raise

    def links(self) -> list[links.Link]:
        """Return every interface on the sandbox's side: the bridges, and the containers' ends."""
        with self._lock:
            return links.links(self._netlink)

    def _tell(self) -> None:
        self._show(tuple(self._segments.values()))

    def _equip(self, name: str, pool: Pool, pool6: Pool6 | None) -> None:
        index = rtnetlink.link_index(self._netlink, name)
        self._netlink.transact(
            # the sandbox's namespace begins with its loopback down
            rtnetlink.set_up(rtnetlink.LOOPBACK),
            rtnetlink.no_link_local(index),
            rtnetlink.add_address(index, str(pool.gateway), pool.subnet.prefixlen),
            rtnetlink.set_up(index),
        )
        if pool6:
            self._netlink.transact(
                rtnetlink.add_address(index, str(pool6.gateway), pool6.subnet.prefixlen)
            )
