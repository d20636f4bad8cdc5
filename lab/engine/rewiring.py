"""Plugs containers in and out while they run: `docker network connect` and `disconnect`."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from lab.engine.containers import Container
from lab.engine.endpoints import Endpoints
from lab.engine.etc_files import EtcFiles
from lab.engine.logged import logged
from lab.engine.name_service import NameService
from lab.engine.network_records import Network
from lab.engine.state import Attachment
from lab.engine.wiring import Plug, Wiring
from lab.errors import Conflict, LabError, StartError
from lab.kernel import channel, rtnetlink
from lab.kernel.netlink import Netlink
from lab.network.bridge import Bridges
from lab.runtime.task import Tasks


@dataclass(frozen=True, slots=True)
class _Inside:
    """A container's network namespace from inside, and the sockets of its embedded DNS."""

    namespace: int
    netlink: Netlink
    resolver: list[int]


class Rewiring:
    """Changes what a running container has of networks.  Its calls block for some milliseconds;
    whoever calls holds the container's lock, and stores the record and what happened."""

    def __init__(
        self,
        endpoints: Endpoints,
        names: NameService,
        bridges: Bridges,
        tasks: Tasks,
        files: EtcFiles,
    ) -> None:
        self._endpoints = endpoints
        self._names = names
        self._bridges = bridges
        self._tasks = tasks
        self._files = files

    def plug(self, container: Container, place: Attachment) -> None:
        """Plug a container into one more network; nothing is changed if that fails."""
        wiring = self._wiring(container)
        plug = self._endpoints.join(container, place)
        try:
            serve = plug.network.named and not wiring.named
            with self._inside(container, serve) as inside, ExitStack() as undo:
                self._wire(container, wiring, plug, inside, undo)
                if serve:
                    self._serve(container, wiring, inside.resolver)
                undo.pop_all()
        except BaseException:
            self._endpoints.leave(container, plug)
            raise
        container.record.networks.append(place)
        self._names.put(container, plug)
        self._names.follow(container, wiring)
        with logged("the files of a container that was plugged in"):
            self._files.add_hosts(container, place.address, place.address6)
            if wiring.named:
                self._files.use_embedded_dns(container)

    def unplug(self, container: Container, network: Network) -> None:
        """Unplug a container from a network that it is in."""
        wiring = self._wiring(container)
        plug = wiring.in_network(network)
        if plug is None:
            raise LabError(f"container {container.id} is not connected to network {network.name}")
        addresses = plug.place.address, plug.place.address6
        if plug.plan:
            self._bridges.unplug(plug.plan)
        wiring.plugs.remove(plug)
        with ExitStack() as stack:
            stack.enter_context(logged("the way out of a container"))
            stack.enter_context(suppress(Conflict))
            inside = stack.enter_context(self._inside(container, False))
            self._reroute(container, wiring, inside.netlink)
        self._endpoints.leave(container, plug)
        container.record.networks.remove(plug.place)
        self._names.follow(container, wiring)
        with logged("the files of a container that was unplugged"):
            self._files.remove_hosts(container, *addresses)

    def _wire(
        self,
        container: Container,
        wiring: Wiring,
        plug: Plug,
        inside: _Inside,
        undo: ExitStack,
    ) -> None:
        # last of all, when the rest is undone
        undo.callback(self._reroute, container, wiring, inside.netlink)
        if plug.network.pool:
            plan = self._endpoints.plan(plug, wiring.free_number, False)
            self._bridges.plug(plan, inside.namespace, inside.netlink)
            undo.callback(self._bridges.unplug, plan)
        wiring.plugs.append(plug)
        undo.callback(wiring.plugs.remove, plug)
        self._reroute(container, wiring, inside.netlink)

    def _wiring(self, container: Container) -> Wiring:
        wiring = self._endpoints.wiring(container)
        if wiring is None or container.task is None:
            raise Conflict(f"container {container.id} is not running")
        return wiring

    def _reroute(self, container: Container, wiring: Wiring, netlink: Netlink) -> None:
        """Let the default route and the published ports lead through the network that is due."""
        plug = wiring.gateway
        before = wiring.route
        if (plug.network.id if plug else "") == before:
            return
        netlink.transact(rtnetlink.delete_default_route())
        if plug:
            netlink.transact(rtnetlink.add_default_route(plug.network.gateway))
        self._endpoints.publish(container, wiring)

    def _serve(self, container: Container, wiring: Wiring, sockets: list[int]) -> None:
        with self._names.begin(container, wiring) as target:
            channel.send(target, {}, sockets)

    @contextmanager
    def _inside(self, container: Container, names: bool) -> Iterator[_Inside]:
        assert container.task is not None
        try:
            found = self._tasks.inside(container.task, names)
        except StartError:
            # it has just ended; that is dealt with when its lock is free
            raise Conflict(f"container {container.id} is not running") from None
        try:
            with Netlink(socket.socket(fileno=os.dup(found[1]))) as netlink:
                yield _Inside(found[0], netlink, found[2:])
        finally:
            channel.close_all(found)
