"""The networks that containers are in, and their published ports.

Every engine has three: `bridge`, `none` and `host`.  Networks of one's own are not there yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from lab.engine.containers import Container
from lab.engine.state import Attachment, now
from lab.errors import NotFound, Unsupported
from lab.ids import find_prefix, new_id
from lab.journal import Journal
from lab.network.bindings import parse_port_bindings
from lab.network.bridge import DEFAULT_BRIDGE, Bridges
from lab.network.endpoint import plan_endpoint
from lab.network.ipam import AddressSpace, Pool
from lab.network.ports import PortRelay, PublishedPort


@dataclass(frozen=True, slots=True)
class Network:
    """A network: `driver` is `bridge`, `null` or `host`; `pool` its addresses, if it has any."""

    id: str
    name: str
    driver: str
    created: str
    pool: Pool | None = None
    bridge: str = ""


@dataclass(frozen=True, slots=True)
class Plugged:
    """What a running container has of the network: to be given back when it ends."""

    pool: Pool
    address: IPv4Address
    published: tuple[PublishedPort, ...]


class Networks:
    """Plugs containers in and out.  Its blocking calls take a millisecond or two."""

    def __init__(self, bridges: Bridges, relay: PortRelay, journal: Journal) -> None:
        self._relay = relay
        self._journal = journal
        self._space = AddressSpace()
        self._plugged: dict[str, Plugged] = {}
        pool = self._space.request_pool()
        bridges.create(DEFAULT_BRIDGE, pool)
        at = now()
        builtin = (
            Network(new_id(), "bridge", "bridge", at, pool, DEFAULT_BRIDGE),
            Network(new_id(), "host", "host", at),
            Network(new_id(), "none", "null", at),
        )
        self._networks = {network.name: network for network in builtin}

    def get(self, text: str) -> Network:
        """Return the network that a name, an id or the beginning of one means; NotFound."""
        if text in self._networks:
            return self._networks[text]
        by_id = {network.id: network for network in self._networks.values()}
        found = find_prefix(text, by_id)
        if found is None:
            raise NotFound(f"network {text} not found")
        return by_id[found]

    def all(self) -> list[Network]:
        """Return all networks, by name."""
        return sorted(self._networks.values(), key=lambda network: network.name)

    def check(self, name: str) -> Network:
        """Return the network that a new container names; NotFound or Unsupported."""
        network = self.get(name)
        if network.driver == "host":
            raise Unsupported("this engine does not support --network host yet")
        return network

    def connect(self, container: Container) -> list[dict[str, Any]]:
        """Plug a container in, publish its ports, and return the plans of its interfaces.

        The record is filled in.  Raises NetworkError, in Docker's words, for ports that are
        taken; then nothing is plugged in.
        """
        record = container.record
        network = self.check(container.settings.network)
        attachment = Attachment(network.name, network.id, new_id())
        record.networks, record.ports = [attachment], {}
        if network.pool is None:
            return []
        bindings = parse_port_bindings(record.host["PortBindings"] or {})
        address = self._space.request_address(network.pool, network.name)
        published: list[PublishedPort] = []
        endpoint = f"{container.name} ({attachment.endpoint_id})"
        try:
            for binding in bindings:
                published += self._relay.publish(binding, str(address), endpoint)
        except BaseException:
            self._relay.unpublish(published)
            self._space.release_address(network.pool, address)
            record.networks = [Attachment(network.name, network.id)]
            raise
        self._plugged[record.id] = Plugged(network.pool, address, tuple(published))
        plan = plan_endpoint(network.bridge, network.pool, address)
        attachment.address, attachment.mac = plan.address, plan.mac
        attachment.prefix_length, attachment.gateway = plan.prefix_length, plan.gateway
        record.ports = _ports(record.config.get("ExposedPorts") or {}, published)
        self._log("connect", network, record.id)
        return [plan.to_json()]

    def disconnect(self, container: Container) -> None:
        """Unplug a container that has ended; one that is not plugged in is no error."""
        record = container.record
        plugged = self._plugged.pop(record.id, None)
        if plugged is None:
            return
        self._relay.unpublish(plugged.published)
        self._space.release_address(plugged.pool, plugged.address)
        network = self.get(record.networks[0].network)
        record.networks = [Attachment(network.name, network.id)]
        record.ports = {}
        self._log("disconnect", network, record.id)

    def close(self) -> None:
        """End all published ports."""
        self._relay.close()

    def _log(self, action: str, network: Network, container_id: str) -> None:
        attributes = {"container": container_id, "name": network.name, "type": network.driver}
        self._journal.append("network", action, network.id, attributes)


def _ports(
    exposed: dict[str, Any], published: list[PublishedPort]
) -> dict[str, list[dict[str, str]] | None]:
    """Return Docker's map of ports: those exposed, and where each is published."""
    ports: dict[str, list[dict[str, str]] | None] = dict.fromkeys(exposed)
    for port in published:
        entry = {"HostIp": port.host_ip, "HostPort": str(port.host_port)}
        key = f"{port.port}/{port.protocol}"
        ports[key] = [*(ports.get(key) or []), entry]
    return ports
