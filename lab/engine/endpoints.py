"""Which containers are plugged into which networks, while they run.

A container's record says what it asks of each network (lab.engine.state.Attachment); what it has
of them is here, and is given back when it ends.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from lab.engine.containers import Container
from lab.engine.network_records import Network
from lab.engine.networks import Member, Networks
from lab.engine.publishing import Publisher, port_map
from lab.engine.state import Attachment
from lab.errors import Unsupported
from lab.ids import new_id, short_id
from lab.network.endpoint import Endpoint, plan_endpoint
from lab.network.ports import PublishedPort


@dataclass(slots=True)
class Plug:
    """A running container's place in one network; `plan` is None without an interface."""

    network: Network
    place: Attachment
    member: Member
    plan: Endpoint | None = None


@dataclass(slots=True)
class Wiring:
    """What a running container has of the network."""

    plugs: list[Plug] = field(default_factory=list)
    published: tuple[PublishedPort, ...] = ()

    @property
    def gateway(self) -> Plug | None:
        """Return the plug that the default route and the published ports lead through.

        Source: moby, libnetwork/sandbox.go, the order of endpoints.
        """
        able = [each for each in self.plugs if each.network.gateway]
        order = sorted(able, key=lambda each: (-each.place.priority, each.network.name))
        return order[0] if order else None


class Endpoints:
    """Plugs containers in and out.  Its calls take a few milliseconds, and come from any thread;
    whoever calls holds the container's lock."""

    def __init__(self, networks: Networks, publisher: Publisher) -> None:
        self._networks = networks
        self._publisher = publisher
        self._wired: dict[str, Wiring] = {}

    def check(self, name: str) -> Network:
        """Return the network that a new container names; NotFound or Unsupported."""
        network = self._networks.get(name)
        if network.driver == "host":
            raise Unsupported("this engine does not support --network host yet")
        return network

    def connect(self, container: Container) -> list[dict[str, Any]]:
        """Plug a container in, publish its ports, and return the plans of its interfaces.

        The record is filled in.  Raises NetworkError, in Docker's words, for ports that are
        taken, Forbidden for addresses; then nothing is plugged in.
        """
        wiring = Wiring()
        with ExitStack() as undo:
            undo.callback(self._give_back, container, wiring)
            for place in _in_order(container):
                wiring.plugs.append(self._plug(container, place))
            self._make_plans(wiring)
            self._publish(container, wiring)
            undo.pop_all()
        self._wired[container.id] = wiring
        for plug in wiring.plugs:
            self._networks.log(plug.network, "connect", container=container.id)
        return [plug.plan.to_json() for plug in wiring.plugs if plug.plan]

    def disconnect(self, container: Container) -> None:
        """Unplug a container that has ended; one that is not plugged in is no error."""
        wiring = self._wired.pop(container.id, None)
        if wiring is None:
            return
        self._give_back(container, wiring)
        for plug in wiring.plugs:
            self._networks.log(plug.network, "disconnect", container=container.id)

    def close(self) -> None:
        """End all published ports."""
        self._publisher.close()

    def _plug(self, container: Container, place: Attachment) -> Plug:
        network = self._network_of(place)
        place.network, place.network_id = network.name, network.id
        place.endpoint_id = new_id()
        place.names = names_of(container, place) if network.named else None
        member = Member(container.id, container.name, place.endpoint_id, place.wanted_mac)
        return Plug(network, place, self._networks.join(network, member, place.wanted_address))

    def _network_of(self, place: Attachment) -> Network:
        """Return the network that a place is in: by its id, once the container has been in it."""
        if place.network in ("bridge", "host", "none"):
            return self.check(place.network)
        return self.check(place.network_id or place.network)

    def _make_plans(self, wiring: Wiring) -> None:
        gateway = wiring.gateway
        for number, plug in enumerate(each for each in wiring.plugs if each.network.pool):
            self._make_plan(plug, number, plug is gateway)

    def _make_plan(self, plug: Plug, number: int, default_route: bool) -> Endpoint:
        network, place = plug.network, plug.place
        assert network.pool is not None
        plan = plan_endpoint(
            network.bridge,
            network.pool,
            plug.member.address,
            number=number,
            gateway=network.gateway if default_route else "",
            mac=plug.member.mac,
            mtu=network.mtu,
            separate=network.separate,
        )
        place.address, place.mac = plan.address, plan.mac
        place.prefix_length, place.gateway = plan.prefix_length, network.gateway
        plug.plan = plan
        return plan

    def _publish(self, container: Container, wiring: Wiring) -> None:
        """Lead the host's ports to the container, by the network that leads out."""
        plug = wiring.gateway
        if plug:
            endpoint = f"{container.name} ({plug.place.endpoint_id})"
            wiring.published = self._publisher.publish(container, plug.place.address, endpoint)
        container.record.ports = port_map(container, wiring.published) if plug else {}

    def _give_back(self, container: Container, wiring: Wiring) -> None:
        self._publisher.unpublish(wiring.published)
        wiring.published = ()
        for plug in wiring.plugs:
            self._networks.leave(plug.network, container.id)
        for place in container.record.networks:
            place.clear()
        container.record.ports = {}


def names_of(container: Container, place: Attachment) -> list[str]:
    """Return the names that others of a network find a container by, the first one first."""
    hostname = container.record.config["Hostname"]
    names = [container.name, *(place.aliases or ()), short_id(container.id), hostname]
    return list(dict.fromkeys(name for name in names if name))


def _in_order(container: Container) -> list[Attachment]:
    """Return a container's places, that of its network mode first."""
    record = container.record
    if not record.networks:
        record.networks = [Attachment(container.settings.network)]
    mode = container.settings.network
    return sorted(record.networks, key=lambda place: mode not in (place.network, place.network_id))
