"""What a running container has of its networks, and how that is chosen."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.engine.containers import Container
from lab.engine.network_records import Network
from lab.engine.networks import Member
from lab.engine.state import Attachment
from lab.ids import short_id
from lab.network.endpoint import Endpoint
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
    """What a running container has of the network.

    `named` says that the embedded DNS serves it; `route` is the network that its default route
    and its published ports lead through, empty if there is none.
    """

    plugs: list[Plug] = field(default_factory=list)
    published: tuple[PublishedPort, ...] = ()
    named: bool = False
    route: str = ""

    @property
    def gateway(self) -> Plug | None:
        """Return the plug that the default route and the published ports are to lead through.

        Source: moby, libnetwork/sandbox.go, the order of endpoints.
        """
        able = [each for each in self.plugs if each.network.gateway]
        order = sorted(able, key=lambda each: (-each.place.priority, each.network.name))
        return order[0] if order else None

    @property
    def free_number(self) -> int:
        """Return the lowest number that no interface has: 1 where there is only eth0."""
        taken = {plug.plan.name for plug in self.plugs if plug.plan}
        return next(number for number in range(len(taken) + 1) if f"eth{number}" not in taken)

    def in_network(self, network: Network) -> Plug | None:
        """Return the plug in a network; None if there is none."""
        found = (plug for plug in self.plugs if plug.network.id == network.id)
        return next(found, None)


def names_of(container: Container, place: Attachment) -> list[str]:
    """Return the names that others of a network find a container by, the first one first."""
    hostname = container.record.config["Hostname"]
    names = [container.name, *(place.aliases or ()), short_id(container.id), hostname]
    return list(dict.fromkeys(name for name in names if name))


def in_order(container: Container) -> list[Attachment]:
    """Return a container's places, that of its network mode first."""
    mode = container.settings.network
    places = container.record.networks
    return sorted(places, key=lambda place: mode not in (place.network, place.network_id))
