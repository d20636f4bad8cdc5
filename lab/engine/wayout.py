"""The way out of the sandbox, as this engine has it: opened once, with the host's resolvers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.network.destinations import Destinations
from lab.network.ipam import DEFAULT_GATEWAY
from lab.network.relay import SocketFactory
from lab.network.resolvers import Resolvers
from lab.network.wayout import WayOut

RESOLV_CONF = Path("/etc/resolv.conf")

HOST_GATEWAY = "host-gateway"
"""What `--add-host` calls the host's address."""

OUTER = "10.0.2.2"
"""The machine around a virtual one.  Source: QEMU documentation, system/devices/net."""


def host_resolvers() -> Resolvers:
    """Return whom the host asks for names."""
    try:
        return Resolvers.parse(RESOLV_CONF.read_text(errors="replace"))
    except OSError:
        return Resolvers()


def resolv_conf() -> str:
    """Return /etc/resolv.conf of a container in the default network: the host's, as it can be used.

    Resolvers that only the host reaches are asked by the gateway, where the way out answers for
    them.
    """
    resolvers = host_resolvers()
    inside = resolvers.for_container(DEFAULT_GATEWAY)
    if inside.servers == resolvers.servers:
        return RESOLV_CONF.read_text(errors="replace")
    return inside.to_text()


def with_gateway(extra_hosts: Sequence[str]) -> list[str]:
    """Return `name:address` entries with the host's address where they say `host-gateway`.

    Source: moby, daemon/container_operations.go.
    """
    return [
        f"{entry.removesuffix(HOST_GATEWAY)}{DEFAULT_GATEWAY}"
        if entry.endswith(f":{HOST_GATEWAY}")
        else entry
        for entry in extra_hosts
    ]


def way_out(sandbox_socket: SocketFactory, in_machine: bool) -> WayOut:
    """Return a way out that is open, or says why it is not.

    `in_machine`: the host is a virtual machine of the lab's.
    """
    made = WayOut(sandbox_socket, Destinations(host_resolvers().local, OUTER if in_machine else ""))
    made.open()
    return made


def warnings(opened: WayOut) -> list[str]:
    """Return what `docker info` has to say about the way out, if there is none."""
    if not opened.refusal:
        return []
    return [f"WARNING: containers have no way out to the internet: {opened.refusal}"]
