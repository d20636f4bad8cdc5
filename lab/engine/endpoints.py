"""Plugs containers into their networks when they start, and out when they end.

A container's record says what it asks of each network (lab.engine.state.Attachment); what it has
of them while it runs is a Wiring.  Live changes: lab.engine.rewiring.
"""

from __future__ import annotations

import contextlib
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from lab.engine.containers import Container
from lab.engine.endpoint_settings import check_place
from lab.engine.name_service import NameService
from lab.engine.network_records import PREDEFINED, Network
from lab.engine.networks import Member, Networks
from lab.engine.publishing import Publisher, port_map
from lab.engine.state import Attachment
from lab.engine.wiring import Plug, Wiring, in_order, names_of
from lab.errors import NotFound
from lab.ids import new_id
from lab.network.endpoint import Endpoint, plan_endpoint

_LINK_LOCAL_BITS = (16, 64)
"""Lengths of the prefixes of link-local networks, of IPv4 and of IPv6."""


@dataclass(slots=True)
class Plans:
    """What a start needs of the network: see lab.runtime.task.TaskRequest.

    `names` is closed by `close`, once the start is over.
    """

    endpoints: list[dict[str, Any]]
    names: socket.socket | None = None

    @property
    def names_fd(self) -> int | None:
        return self.names.fileno() if self.names else None

    def close(self) -> None:
        """Let go of this side's end of the channel."""
        if self.names:
            self.names.close()


class Endpoints:
    """What running containers have of networks.  Its calls take a few milliseconds, and come from
    any thread; whoever calls holds the container's lock."""

    def __init__(self, networks: Networks, publisher: Publisher, names: NameService) -> None:
        self._networks = networks
        self._publisher = publisher
        self._names = names
        self._wired: dict[str, Wiring] = {}

    def check(self, name: str) -> Network:
        """Return the network that a new container names; NotFound."""
        return self._networks.get(name)

    def check_places(self, places: list[Attachment]) -> None:
        """Refuse what cannot be had of the networks that are there already."""
        for place in places:
            # one that is not there is missed at the start, as with Docker: clients take a 404 at
            # the creation for a missing image
            with contextlib.suppress(NotFound):
                network = self.check(place.network)
                check_place(place, network)
                place.network = network.name

    def wiring(self, container: Container) -> Wiring | None:
        """Return what a container has of the network; None while it does not run."""
        return self._wired.get(container.id)

    def connect(self, container: Container) -> Plans:
        """Plug a container in, publish its ports, and return the plans of its interfaces.

        The record is filled in.  Raises NetworkError, in Docker's words, for ports that are
        taken, Forbidden for addresses; then nothing is plugged in.
        """
        wiring = Wiring()
        plans = Plans([])
        with ExitStack() as undo:
            undo.callback(self._give_back, container, wiring)
            for place in in_order(container):
                wiring.plugs.append(self.join(container, place))
            for number, plug in enumerate(each for each in wiring.plugs if each.network.pool):
                plan = self.plan(plug, number, plug is wiring.gateway)
                plans.endpoints.append(plan.to_json())
            self.publish(container, wiring)
            if any(plug.network.named for plug in wiring.plugs):
                plans.names = self._names.begin(container, wiring)
            undo.pop_all()
        for plug in wiring.plugs:
            self._names.put(container, plug)
        self._wired[container.id] = wiring
        for plug in wiring.plugs:
            self._networks.log(plug.network, "connect", container=container.id)
        return plans

    def disconnect(self, container: Container) -> None:
        """Unplug a container that has ended; one that is not plugged in is no error."""
        wiring = self._wired.pop(container.id, None)
        if wiring is None:
            return
        self._give_back(container, wiring)
        for plug in wiring.plugs:
            self._networks.log(plug.network, "disconnect", container=container.id)

    def rename(self, container: Container) -> None:
        """Take note of a container's new name."""
        wiring = self.wiring(container)
        for plug in wiring.plugs if wiring else ():
            self._networks.rename(plug.network, container.id, container.name)
            if plug.network.named:
                plug.place.names = names_of(container, plug.place)
                self._names.put(container, plug)

    def close(self) -> None:
        """End all published ports, and the embedded DNS."""
        self._publisher.close()
        self._names.close()

    # --- steps, also of lab.engine.rewiring

    def join(self, container: Container, place: Attachment) -> Plug:
        """Take a container's place in a network: an address, if the network has some."""
        network = self._network_of(place)
        check_place(place, network)
        endpoint = new_id()
        member = Member(container.id, container.name, endpoint, place.wanted_mac)
        wanted = place.wanted_address, place.wanted_address6
        member = self._networks.join(network, member, *wanted)
        place.network, place.network_id, place.endpoint_id = network.name, network.id, endpoint
        place.names = names_of(container, place) if network.named else None
        return Plug(network, place, member)

    def leave(self, container: Container, plug: Plug) -> None:
        """Give a place back."""
        self._names.drop(container, plug)
        self._networks.leave(plug.network, container.id)
        plug.place.clear()

    def plan(self, plug: Plug, number: int, default_route: bool) -> Endpoint:
        """Return the plan of the interface `eth<number>`, and note it in the record."""
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
            others=_other_addresses(plug),
        )
        place.address, place.mac = plan.address, plan.mac
        place.prefix_length, place.gateway = plan.prefix_length, network.gateway
        if network.pool6:
            place.address6, place.gateway6 = plug.member.address6, str(network.pool6.gateway)
            place.prefix_length6 = network.pool6.subnet.prefixlen
        plug.plan = plan
        return plan

    def publish(self, container: Container, wiring: Wiring) -> None:
        """Lead the host's ports to the container, by the network that leads out, if it does not
        do so already."""
        plug = wiring.gateway
        route = plug.network.id if plug else ""
        if route != wiring.route or not route:
            self.unpublish(wiring)
            if plug:
                endpoint = f"{container.name} ({plug.place.endpoint_id})"
                address = plug.place.address
                wiring.published = self._publisher.publish(container, address, endpoint)
            wiring.route = route
        container.record.ports = port_map(container, wiring.published) if plug else {}

    def unpublish(self, wiring: Wiring) -> None:
        """End the published ports of a container."""
        self._publisher.unpublish(wiring.published)
        wiring.published, wiring.route = (), ""

    def _network_of(self, place: Attachment) -> Network:
        """Return the network that a place is in: by its id, once the container has been in it."""
        if place.network in PREDEFINED:
            return self.check(place.network)
        return self.check(place.network_id or place.network)

    def _give_back(self, container: Container, wiring: Wiring) -> None:
        self.unpublish(wiring)
        self._names.end(container, wiring)
        for plug in wiring.plugs:
            self.leave(container, plug)
        container.record.ports = {}


def _other_addresses(plug: Plug) -> list[str]:
    """Return the addresses of an interface besides its first, with their prefixes' lengths."""
    others = [f"{each}/{_LINK_LOCAL_BITS[':' in each]}" for each in plug.place.link_local]
    if plug.network.pool6:
        others.append(f"{plug.member.address6}/{plug.network.pool6.subnet.prefixlen}")
    return others
