"""Containers in a network namespace that is not their own: the sandbox's, or another container's.

`--network host` is the sandbox's network namespace, whose ports the host's lead to.
"""

from __future__ import annotations

from lab.engine.containers import Container
from lab.engine.endpoints import Endpoints
from lab.engine.logged import logged
from lab.engine.sharing import CONTAINER, HOST, is_container
from lab.network.bridge import Bridges
from lab.network.hostnet import HostNetworkPorts
from lab.network.listening import Listening, listening
from lab.network.ports import PortRelay
from lab.network.wayout import WayOut

_SPAWNER = 1
"""The process of the sandbox that is in its network namespace, by the sandbox's own count."""


class HostNetwork:
    """Leads the host's ports while there are containers with `--network host`.

    It also takes away the interfaces of a container that has ended, where others have its network
    namespace still: its addresses are given to others.
    """

    def __init__(
        self, relay: PortRelay, way_out: WayOut, endpoints: Endpoints, bridges: Bridges
    ) -> None:
        self._way_out = way_out
        self._endpoints = endpoints
        self._bridges = bridges
        self._ports = HostNetworkPorts(relay, self._look)
        self._running: set[str] = set()
        self._sharing: dict[str, str] = {}
        """Running containers that have the network of another one, and of which."""

    def began(self, container: Container) -> None:
        """Take note that a container runs."""
        mode = container.settings.network
        if mode == HOST:
            self._running.add(container.id)
            self._ports.begin()
        elif is_container(mode):
            self._sharing[container.id] = mode.removeprefix(CONTAINER)

    def ended(self, container: Container) -> None:
        """Take note that a container has ended."""
        self._sharing.pop(container.id, None)
        if container.id in self._sharing.values():
            with logged("the interfaces of a container whose network others share"):
                self._unplug(container)
        self._running.discard(container.id)
        if not self._running:
            self._ports.end()

    def warnings(self) -> list[str]:
        """Return what `docker info` has to say about ports that could not be had."""
        return [f"WARNING: {reason}" for reason in self._ports.refusals()]

    def close(self) -> None:
        """End all mappings."""
        self._ports.close()

    def _unplug(self, container: Container) -> None:
        wiring = self._endpoints.wiring(container)
        for plug in wiring.plugs if wiring else ():
            if plug.plan:
                self._bridges.unplug(plug.plan)

    def _look(self) -> set[Listening]:
        own = Listening("tcp", self._way_out.port)
        return listening(_SPAWNER) - {own}
