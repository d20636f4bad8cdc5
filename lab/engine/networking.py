"""The parts of the engine that make networks, built and handed to each other."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from lab.database import Database
from lab.engine.endpoints import Endpoints
from lab.engine.etc_files import EtcFiles
from lab.engine.host_network import HostNetwork
from lab.engine.launcher import LauncherLink
from lab.engine.name_service import NameService
from lab.engine.network_records import NetworkTable
from lab.engine.networks import Networks
from lab.engine.publishing import Publisher
from lab.engine.rewiring import Rewiring
from lab.engine.wayout import way_out
from lab.journal import Journal
from lab.kernel.netlink import Netlink
from lab.network import resolv_conf
from lab.network.bridge import Bridges
from lab.network.names import NameTable
from lab.network.ports import PortRelay
from lab.network.resolver import Resolver
from lab.network.wayout import WayOut
from lab.runtime.task import Tasks


@dataclass(frozen=True, slots=True)
class Networking:
    """What the rest of the engine asks for networks."""

    networks: Networks
    endpoints: Endpoints
    rewiring: Rewiring
    files: EtcFiles
    way_out: WayOut
    host_network: HostNetwork


def build(
    database: Database, journal: Journal, tasks: Tasks, link: LauncherLink, forwards: bool
) -> Networking:
    """Build all parts, and the bridges of the networks that there are.

    `forwards`: the host is a virtual machine of the lab's, whose launcher publishes ports.
    """

    def inside(kind: str) -> socket.socket:
        return tasks.sockets(kind)[0]

    out = way_out(inside, forwards)
    bridges = Bridges(Netlink(inside("netlink")), out.show)
    networks = Networks(bridges, NetworkTable(database), journal)
    table = NameTable()
    names = NameService(table, Resolver(table, _host_servers, inside))
    relay = PortRelay(
        inside,
        outside=link if forwards else None,
        privileged=link,
        local_ports=out.local_ports,
    )
    publisher = Publisher(relay)
    endpoints = Endpoints(networks, publisher, names)
    files = EtcFiles(lambda: networks.get("bridge").gateway)
    rewiring = Rewiring(endpoints, names, bridges, tasks, files)
    host_network = HostNetwork(relay, out, endpoints, bridges)
    return Networking(networks, endpoints, rewiring, files, out, host_network)


def _host_servers() -> Sequence[str]:
    # read each time: a laptop moves from place to place
    return resolv_conf.of_host().servers
