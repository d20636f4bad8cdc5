"""Published ports: the host's, led to the same ports of the guest by QEMU's user network.

QEMU says no more than that it could not: so each port is first tried here, which tells why.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Callable
from typing import Any

from lab.errors import LabError

Monitor = Callable[[str], str]
"""Runs one line of QEMU's monitor; returns its complaint, or nothing."""

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_LAST = 65535


class Forwards:
    """Who has which port of the host."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._held: set[tuple[str, int, str]] = set()

    def publish(self, address: Any, port: Any, protocol: Any) -> str:
        """Lead a port of the host to the guest's; return why not in a few words, else nothing."""
        refusal = _malformed(address, port, protocol) or _try(address, port, protocol)
        if refusal:
            return refusal
        try:
            complaint = self._monitor(f"hostfwd_add net {_rule(address, port, protocol)}-:{port}")
        except LabError as error:
            return error.message
        if complaint:
            # somebody was quicker
            return os.strerror(errno.EADDRINUSE).lower()
        self._held.add((address, port, protocol))
        return ""

    def unpublish(self, address: Any, port: Any, protocol: Any) -> str:
        """End what `publish` began; return why not, else nothing."""
        if (address, port, protocol) not in self._held:
            return "not published"
        self._held.discard((address, port, protocol))
        try:
            complaint = self._monitor(f"hostfwd_remove net {_rule(address, port, protocol)}")
        except LabError as error:
            return error.message
        return "" if not complaint or "removed" in complaint else complaint


def _malformed(address: Any, port: Any, protocol: Any) -> str:
    """The guest's words become a line of QEMU's monitor: nothing else may get into it."""
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        return f"{address!r} is no IPv4 address"
    if type(port) is not int or not 0 < port <= _LAST:
        return f"{port!r} is no port"
    return "" if protocol in _KINDS else f"{protocol!r} is no protocol"


def _try(address: str, port: int, protocol: str) -> str:
    with socket.socket(socket.AF_INET, _KINDS[protocol]) as sock:
        try:
            if protocol == "tcp":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            if protocol == "tcp":
                # several may be bound to one port so, but only one can listen
                sock.listen(1)
        except OSError as error:
            return os.strerror(error.errno or errno.EIO).lower()
    return ""


def _rule(address: str, port: int, protocol: str) -> str:
    return f"{protocol}:{address}:{port}"
