"""The way out of the sandbox, as this engine has it: opened once, with the host's resolvers."""

from __future__ import annotations

from lab.network.destinations import Destinations
from lab.network.relay import SocketFactory
from lab.network.resolv_conf import of_host
from lab.network.wayout import WayOut

OUTER = "10.0.2.2"
"""The machine around a virtual one.  Source: QEMU documentation, system/devices/net."""


def way_out(sandbox_socket: SocketFactory, in_machine: bool) -> WayOut:
    """Return a way out that is open, or says why it is not.

    `in_machine`: the host is a virtual machine of the lab's.
    """
    made = WayOut(sandbox_socket, Destinations(of_host().local, OUTER if in_machine else ""))
    made.open()
    return made


def warnings(opened: WayOut) -> list[str]:
    """Return what `docker info` has to say about the way out, if there is none."""
    what = "WARNING: containers have no way out to the internet"
    if opened.refusal:
        return [f"{what}: {opened.refusal}"]
    return [f"{what} for UDP: {opened.udp_refusal}"] if opened.udp_refusal else []
