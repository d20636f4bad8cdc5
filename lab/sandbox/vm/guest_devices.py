"""Finding the guest's devices, and its network.

Disks are known by their serial numbers, the port to the host by its name.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from lab.errors import SyscallError, Unavailable
from lab.kernel import rtnetlink
from lab.kernel.netlink import Netlink

CONTROL_PORT = "lab.control"
ADDRESS, PREFIX, GATEWAY = "10.0.2.15", 24, "10.0.2.2"
"""Of QEMU's user network.  Source: QEMU documentation, system/devices/net."""

_PORTS = Path("/sys/class/virtio-ports")
_DISKS = Path("/sys/block")
_LIMIT, _PAUSE = 30.0, 0.02


def options() -> dict[str, str]:
    """Return the `name=value` words of the kernel's command line."""
    words = Path("/proc/cmdline").read_text().split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def find_disk(serial: str) -> str | None:
    """Return the path of the disk with this serial number; None if the machine has none."""
    for disk in sorted(_DISKS.glob("vd*")):
        if (disk / "serial").read_text().strip() == serial:
            return f"/dev/{disk.name}"
    return None


def open_control() -> int:
    """Open the port to the host, without blocking; waits for the kernel to find it.

    Raises Unavailable if there is none.
    """
    end = time.monotonic() + _LIMIT
    while time.monotonic() < end:
        for port in _PORTS.glob("*"):
            if (port / "name").read_text().strip() == CONTROL_PORT:
                return os.open(f"/dev/{port.name}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        time.sleep(_PAUSE)
    raise Unavailable(f"the machine has no port {CONTROL_PORT}")


def set_up_network() -> None:
    """Give the guest its name, its loopback and its way out."""
    socket.sethostname("lab")
    # a published port may be any; whether the host lets it be had is the host's to say
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
    with Netlink() as netlink:
        netlink.transact(rtnetlink.set_up(rtnetlink.LOOPBACK))
        try:
            index = rtnetlink.link_index(netlink, "eth0")
        except SyscallError:
            return  # a machine without a network is one all the same
        netlink.transact(
            rtnetlink.add_address(index, ADDRESS, PREFIX),
            rtnetlink.set_up(index),
            rtnetlink.add_default_route(GATEWAY),
        )
