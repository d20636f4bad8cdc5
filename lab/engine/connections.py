"""`docker network connect` and `disconnect`: of containers that run, and of those that do not.

Source: moby, daemon/container_operations.go (rules and wording).
"""

from __future__ import annotations

import asyncio

from lab.engine.containers import Container, Containers
from lab.engine.endpoint_settings import check_place
from lab.engine.network_records import Network
from lab.engine.networks import Networks
from lab.engine.rewiring import Rewiring
from lab.engine.state import Attachment, Status
from lab.engine.wiring import names_of
from lab.errors import InvalidParameter, LabError, NotFound

_HOST = "container cannot be disconnected from host network or connected to host network"
_SHARED = (
    "container sharing network namespace with another container or host cannot be connected to "
    "any other network"
)
_NONE = (
    "container cannot be connected to multiple networks with one of the networks in private "
    "(none) mode"
)


class Connections:
    """Belongs to the event loop's thread."""

    def __init__(self, containers: Containers, networks: Networks, rewiring: Rewiring) -> None:
        self._containers = containers
        self._networks = networks
        self._rewiring = rewiring

    async def connect(self, container: Container, network: Network, place: Attachment) -> None:
        """Connect a container to a network, as `place` says.

        Raises InvalidParameter for networks that exclude each other, Forbidden if it is there
        already or its address is taken.
        """
        async with container.lock:
            _check_alive(container)
            self._check_company(container, network)
            check_place(place, network)
            place.network = network.name
            if container.record.state.is_running:
                await asyncio.to_thread(self._rewiring.plug, container, place)
                self._record(container, network, "connect")
            elif _place_in(container, network) is None:
                place.names = names_of(container, place) if network.named else None
                container.record.networks.append(place)
                self._containers.save(container)

    async def disconnect(self, container: Container, text: str, force: bool = False) -> None:
        """Disconnect a container from the network that `text` means.

        With `force` also from one that is not there any more.  Raises NotFound for the network,
        LabError if the container is not connected to it.
        """
        async with container.lock:
            _check_alive(container)
            network = self._networks.find(text)
            running = container.record.state.is_running
            if network is None and running and not force:
                raise NotFound(f"network {text} not found")
            if network is not None and running:
                if network.driver == "host":
                    raise InvalidParameter(_HOST)
                await asyncio.to_thread(self._rewiring.unplug, container, network)
                self._record(container, network, "disconnect")
            else:
                _forget(container, network, text)
                self._containers.save(container)

    def _record(self, container: Container, network: Network, action: str) -> None:
        with self._containers.together():
            self._containers.save(container)
            self._networks.log(network, action, container=container.id)

    def _check_company(self, container: Container, network: Network) -> None:
        """Refuse networks that a container cannot be in together."""
        if container.settings.network.startswith("container:"):
            raise InvalidParameter(_SHARED)
        if network.driver == "host" and container.settings.network != "host":
            raise InvalidParameter(_HOST)
        for place in container.record.networks:
            other = self._networks.find(place.network_id or place.network)
            if other is None or other.id == network.id:
                continue
            if "host" in (other.driver, network.driver):
                raise InvalidParameter(_SHARED)
            if "null" in (other.driver, network.driver):
                raise InvalidParameter(_NONE)


def _check_alive(container: Container) -> None:
    if container.status in (Status.REMOVING, Status.DEAD):
        raise LabError(
            f"Container {container.id} is marked for removal and cannot be connected or "
            "disconnected to the network"
        )


def _place_in(container: Container, network: Network) -> Attachment | None:
    for place in container.record.networks:
        if place.network == network.name or place.network_id == network.id:
            return place
    return None


def _forget(container: Container, network: Network | None, text: str) -> None:
    name = network.name if network else text
    for place in container.record.networks:
        if text in (place.network, place.network_id) or place.network == name:
            container.record.networks.remove(place)
            return
    raise LabError(f"container {container.id} is not connected to the network {name}")
