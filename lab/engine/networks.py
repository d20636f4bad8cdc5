"""The networks of the engine: made, found, listed, removed.  Who is in them: lab.engine.endpoints.

Every engine has three from the beginning: `bridge`, `none` and `host`.
"""

from __future__ import annotations

import dataclasses
import threading
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address

from lab.engine.logged import logged
from lab.engine.network_records import Network, NetworkTable
from lab.engine.network_wishes import NetworkWish, make_network, name_taken
from lab.engine.state import now
from lab.errors import Forbidden, NotFound
from lab.ids import find_prefix, new_id, short_id
from lab.journal import Journal
from lab.network.bridge import DEFAULT_BRIDGE, DEFAULT_MTU, Bridges, bridge_name
from lab.network.ipam import DEFAULT_GATEWAY, DEFAULT_SUBNET, AddressSpace, mac_of
from lab.network.ipam6 import AddressSpace6

_DEFAULT_OPTIONS = {
    "com.docker.network.bridge.default_bridge": "true",
    "com.docker.network.bridge.enable_icc": "true",
    "com.docker.network.bridge.enable_ip_masquerade": "true",
    "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
    "com.docker.network.bridge.name": DEFAULT_BRIDGE,
    "com.docker.network.driver.mtu": str(DEFAULT_MTU),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """A running container's endpoint in a network; `address` is empty in one without addresses."""

    container: str
    name: str
    endpoint: str
    mac: str = ""
    address: str = ""
    address6: str = ""


class Networks:
    """All networks.  Usable from any thread; its calls take a few milliseconds."""

    def __init__(self, bridges: Bridges, table: NetworkTable, journal: Journal) -> None:
        self._bridges = bridges
        self._table = table
        self._journal = journal
        self._space = AddressSpace()
        self._space6 = AddressSpace6()
        self._networks: dict[str, Network] = {}
        self._members: dict[str, dict[str, Member]] = {}
        # held while a network is made or removed, and while someone joins one or leaves it
        self._lock = threading.RLock()
        self._restore()

    # --- finding

    def get(self, text: str) -> Network:
        """Return the network that a name, an id or the beginning of one means; NotFound."""
        with self._lock:
            if text in self._networks:
                return self._networks[text]
            for network in self._networks.values():
                if network.name == text:
                    return network
            found = find_prefix(text, self._networks)
        if found is None:
            raise NotFound(f"network {text} not found")
        return self._networks[found]

    def find(self, text: str) -> Network | None:
        """Return what `get` does, or None."""
        try:
            return self.get(text)
        except NotFound:
            return None

    def all(self) -> list[Network]:
        """Return all networks, by name."""
        return sorted(self._networks.values(), key=lambda network: network.name)

    def members(self, network: Network) -> list[Member]:
        """Return who is plugged in, in the order of joining."""
        with self._lock:
            return list(self._members.get(network.id, {}).values())

    # --- making and removing

    def create(self, wish: NetworkWish) -> Network:
        """Make a network.

        Raises Forbidden, InvalidParameter, NetworkError or Conflict, in Docker's words; nothing
        is left behind then.
        """
        with self._lock:
            if wish.name in ("bridge", "host", "none", "default"):
                raise Forbidden(f"operation is not permitted on predefined {wish.name} network ")
            if any(network.name == wish.name for network in self._networks.values()):
                raise name_taken(wish.name)
            network_id = new_id()
            bridge = wish.bridge or bridge_name(network_id)
            self._check_bridge(network_id, bridge)
            with ExitStack() as undo:
                pool = self._space.request_pool(wish.subnet, wish.ip_range, wish.gateway, wish.aux)
                undo.callback(self._space.release_pool, pool)
                pool6 = None
                if wish.ipv6:
                    pool6 = self._space6.request_pool(wish.subnet6, wish.gateway6)
                    undo.callback(self._space6.release_pool, pool6)
                network = make_network(network_id, bridge, wish, pool, pool6)
                self._make(network)
                undo.pop_all()
        return network

    def remove(self, network: Network) -> None:
        """Remove a network; Forbidden for a predefined one and one that is in use."""
        with self._lock:
            if network.predefined:
                raise Forbidden(f"{network.name} is a pre-defined network and cannot be removed")
            if network.id not in self._networks:
                raise NotFound(f"network {network.id} not found")
            if members := self.members(network):
                shown = (f'name:"{each.name}" id:"{short_id(each.endpoint)}"' for each in members)
                raise Forbidden(
                    f"error while removing network: network {network.name} has active endpoints "
                    f"({', '.join(shown)})"
                )
            with self._journal.together():
                self._table.delete(network.id)
                self.log(network, "destroy")
            del self._networks[network.id]
            with logged("the bridge of a network"):
                self._bridges.remove(network.bridge)
            if network.pool:
                self._space.release_pool(network.pool)
            if network.pool6:
                self._space6.release_pool(network.pool6)

    # --- joining and leaving

    def join(
        self, network: Network, member: Member, preferred: str = "", preferred6: str = ""
    ) -> Member:
        """Take an address for a container, so that the network cannot be removed any more.

        `preferred` and `preferred6` are those that it is to have.  Raises Forbidden if that is taken or the
        container is there already, NetworkError if no address is left, NotFound for a network
        that has just been removed.
        """
        with self._lock:
            if network.id not in self._networks:
                raise NotFound(f"network {network.id} not found")
            members = self._members.setdefault(network.id, {})
            if member.container in members:
                raise Forbidden(
                    f"endpoint with name {member.name} already exists in network {network.name}"
                )
            if network.pool:
                shown = f"{network.name} ({network.id})"
                address = self._space.request_address(network.pool, shown, preferred)
                mac = member.mac or mac_of(address)
                member = dataclasses.replace(member, address=str(address), mac=mac)
            if network.pool6:
                try:
                    address6 = self._space6.request_address(network.pool6, preferred6)
                except BaseException:
                    self._give_back(network, member)
                    raise
                member = dataclasses.replace(member, address6=str(address6))
            members[member.container] = member
        return member

    def leave(self, network: Network, container_id: str) -> None:
        """Give a container's address back; one that is not there is no error."""
        with self._lock:
            member = self._members.get(network.id, {}).pop(container_id, None)
            if member:
                self._give_back(network, member)

    def _give_back(self, network: Network, member: Member) -> None:
        if network.pool and member.address:
            self._space.release_address(network.pool, IPv4Address(member.address))
        if network.pool6 and member.address6:
            self._space6.release_address(network.pool6, IPv6Address(member.address6))

    def rename(self, network: Network, container_id: str, name: str) -> None:
        """Take note of a container's new name; one that is not there is no error."""
        with self._lock:
            members = self._members.get(network.id, {})
            if member := members.get(container_id):
                members[container_id] = dataclasses.replace(member, name=name)

    def log(self, network: Network, action: str, **attributes: str) -> None:
        """Journal something that happened to a network."""
        members = {**attributes, "name": network.name, "type": network.driver}
        self._journal.append("network", action, network.id, members)

    def log_prune(self) -> None:
        """Journal that unused networks were removed."""
        self._journal.append("network", "prune", "", {"reclaimed": "0"})

    # --- the beginning

    def _restore(self) -> None:
        stored = {network.name: network for network in self._table.all()}
        for network in stored.values() or ():
            if network.pool:
                self._adopt(network)
            self._networks[network.id] = network
        if "bridge" not in stored:
            self._make_predefined()

    def _adopt(self, network: Network) -> None:
        """Make the bridge of a stored network: those of an earlier engine went with it."""
        pool = network.pool
        assert pool is not None
        with logged(f"the bridge of the network {network.name}"):
            addresses = str(pool.subnet), str(pool.ip_range), str(pool.gateway)
            self._space.request_pool(*addresses, network.aux)
            if network.pool6:
                addresses6 = str(network.pool6.subnet), str(network.pool6.gateway)
                self._space6.request_pool(*addresses6)
            self._create_bridge(network)

    def _make_predefined(self) -> None:
        pool = self._space.request_pool(DEFAULT_SUBNET, gateway=DEFAULT_GATEWAY)
        at = now()
        config = [{"Subnet": str(pool.subnet), "Gateway": str(pool.gateway)}]
        ipam = {"Driver": "default", "Options": None, "Config": config}
        bridge = Network(new_id(), "bridge", "bridge", at, pool, DEFAULT_BRIDGE)
        bridge = dataclasses.replace(bridge, options=dict(_DEFAULT_OPTIONS), ipam=ipam)
        self._bridges.create(bridge.bridge, pool)
        bare = {"Driver": "default", "Options": None, "Config": None}
        host, none = Network(new_id(), "host", "host", at), Network(new_id(), "none", "null", at)
        with self._journal.together():
            for network in (
                bridge,
                *(dataclasses.replace(each, ipam=bare) for each in (host, none)),
            ):
                self._table.save(network)
                self._networks[network.id] = network

    def _make(self, network: Network) -> None:
        self._create_bridge(network)
        try:
            with self._journal.together():
                self._table.save(network)
                self.log(network, "create")
        except BaseException:
            self._bridges.remove(network.bridge)
            raise
        self._networks[network.id] = network

    def _create_bridge(self, network: Network) -> None:
        assert network.pool is not None
        self._bridges.create(
            network.bridge,
            network.pool,
            network.mtu,
            internal=network.internal,
            pool6=network.pool6,
        )

    def _check_bridge(self, network_id: str, name: str) -> None:
        for other in self._networks.values():
            if other.bridge == name:
                raise Forbidden(
                    f"cannot create network {network_id} ({name}): conflicts with network "
                    f"{other.id} ({name}): networks have same bridge name"
                )
