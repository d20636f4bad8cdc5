"""The way out of the sandbox: containers' connections, made anew in the host's network.

    container --> bridge --> redirected by rules (lab.network.rules) to a listener in the sandbox's
    namespace --> relay, in the engine's process --> a socket of the host's namespace

No device, no address and no rule of the host is needed, and no privilege there: what containers
can reach is what the engine's own process can.  TCP and UDP pass; ICMP does not.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
import threading
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from ipaddress import IPv4Address
from typing import cast

from lab.errors import LabError
from lab.kernel import nftables, rtnetlink
from lab.kernel.netlink import Netlink
from lab.network import packets
from lab.network.bridge import DEFAULT_MTU
from lab.network.datagrams import Datagrams, Upstream
from lab.network.destinations import Destinations, Target
from lab.network.packets import Datagram
from lab.network.relay import Listener, Relay, SocketFactory, begin
from lab.network.rules import Segment, chains

TABLE = "lab"

_ANY = "0.0.0.0"
_SO_ORIGINAL_DST = 80
_BIND_ADDRESS_NO_PORT = 24
_HERE = 1.0
"""Seconds for a connection to this very machine, which is made or refused at once."""

_log = logging.getLogger(__name__)


class WayOut:
    """Open from `open` to `close`.  Thread-safe.

    `sandbox_socket` makes sockets of the sandbox's namespace.  `refusal` says in a few words why
    there is no way out, and is empty if there is one; `udp_refusal` the same for UDP alone.
    """

    def __init__(self, sandbox_socket: SocketFactory, destinations: Destinations) -> None:
        self.refusal = "it has not been opened"
        self.udp_refusal = ""
        self.local_ports: set[int] = set()
        """UDP ports that sockets of the sandbox's own have: what is sent there is not for the host."""
        self.port = 0
        """Where the listener is in the sandbox's namespace."""
        self._sandbox_socket = sandbox_socket
        self._destinations = destinations
        self._segments: tuple[Segment, ...] = ()
        self._lock = threading.Lock()
        self._relay: Relay | None = None
        self._datagrams: Datagrams | None = None
        self._filter: Netlink | None = None

    def open(self) -> None:
        """Try to make a way out; `refusal` tells whether there is one."""
        try:
            self._open()
        except (LabError, OSError) as error:
            self.close()
            self.refusal = error.message if isinstance(error, LabError) else str(error)
            _log.warning("containers have no way out to the internet: %s", self.refusal)

    def show(self, segments: Sequence[Segment]) -> None:
        """Let these networks have it, and no others.  Raises SyscallError if they cannot."""
        with self._lock:
            self._segments = tuple(segments)
            self._destinations.show(self._segments)
            if self._filter is not None:
                nftables.replace_table(self._filter, TABLE, chains(self._segments, self.port))

    def close(self) -> None:
        """End all connections, and the threads."""
        for part in (self._relay, self._datagrams, self._filter):
            if part is not None:
                part.close()
        self._relay = self._datagrams = self._filter = None
        self.refusal = "it has been closed"

    def _open(self) -> None:
        listener = self._sandbox_socket("tcp")
        try:
            listener.bind((_ANY, 0))
            listener.listen(1 << 16)
            self.port = listener.getsockname()[1]
            self._filter = Netlink(self._sandbox_socket("netfilter"))
            self.show(self._segments)
            with Netlink(self._sandbox_socket("netlink")) as netlink:
                # what the sandbox's own processes send out is to be redirected, so it needs a route
                netlink.transact(
                    rtnetlink.set_up(rtnetlink.LOOPBACK),
                    rtnetlink.add_default_device(rtnetlink.LOOPBACK),
                )
        except (LabError, OSError):
            listener.close()
            raise
        self._relay = Relay(self._sandbox_socket)
        self._relay.add([_Connections(listener, self._destinations)])
        self.refusal = ""
        try:
            wire = _Wire(self._sandbox_socket, self._destinations, self.local_ports)
        except (LabError, OSError) as error:
            self.udp_refusal = error.message if isinstance(error, LabError) else str(error)
            _log.warning("containers have no way out for UDP: %s", self.udp_refusal)
        else:
            self._datagrams = Datagrams()
            self._datagrams.add(wire)


class _Connections(Listener):
    """Connections that were redirected, which lead to where their clients wanted."""

    __slots__ = ("_destinations",)

    def __init__(self, sock: socket.socket, destinations: Destinations) -> None:
        super().__init__(sock, ("", 0))
        self._destinations = destinations

    def dial(self, client: socket.socket, sandbox_socket: SocketFactory) -> socket.socket:
        found = client.getsockopt(socket.IPPROTO_IP, _SO_ORIGINAL_DST, 16)
        (port,) = struct.unpack_from(">H", found, 2)
        source = IPv4Address(client.getpeername()[0])
        target = self._destinations.find(source, IPv4Address(found[4:8]), port)
        if target is None:
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        if target.otherwise:
            return _first_that_answers(target)
        sock = _bound(target, socket.SOCK_STREAM)
        begin(sock, (target.address, target.port))
        return sock


class _Wire:
    """UDP that containers send to the outside, from the wire; answers go there too."""

    def __init__(
        self, sandbox_socket: SocketFactory, destinations: Destinations, local_ports: set[int]
    ) -> None:
        self._destinations = destinations
        self._local_ports = local_ports
        with ExitStack() as undo:
            self._raw = undo.enter_context(sandbox_socket("raw"))
            self._raw.setblocking(False)
            self.socket = undo.enter_context(sandbox_socket("packet"))
            self.socket.setblocking(False)
            packets.hear_udp_only(self.socket)
            undo.pop_all()

    def receive(self) -> tuple[Hashable, bytes] | None:
        datagram = packets.parse(self.socket.recv(1 << 16))
        if datagram is None or self._is_local(datagram):
            return None
        return datagram[:4], datagram.data

    def dial(self, client: Hashable) -> Upstream | None:
        source, _, destination, port = cast(tuple[IPv4Address, int, IPv4Address, int], client)
        target = self._destinations.find(source, destination, port)
        if target is None:
            return None
        sock = _bound(target, socket.SOCK_DGRAM)
        try:
            # a server that listens at all addresses may answer from another one of the loopback
            return Upstream(sock, (target.address, target.port), connected=not target.source)
        except OSError:
            sock.close()
            return None

    def answer(self, client: Hashable, data: bytes) -> None:
        source, source_port, destination, port = cast(
            tuple[IPv4Address, int, IPv4Address, int], client
        )
        answer = Datagram(destination, port, source, source_port, data)
        for packet in packets.encode(answer, DEFAULT_MTU):
            self._raw.sendto(packet, (str(source), 0))

    def close(self) -> None:
        self.socket.close()
        self._raw.close()

    def _is_local(self, datagram: Datagram) -> bool:
        known = datagram.port in self._local_ports
        return known and self._destinations.is_gateway(datagram.destination)


def _bound(target: Target, kind: socket.SocketKind) -> socket.socket:
    """Return a socket of the host's namespace, with the source address that the target asks for."""
    sock = socket.socket(socket.AF_INET, kind)
    try:
        if target.source:
            # the port is chosen when the peer is known, so that there are enough of them
            sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            sock.bind((target.source, 0))
    except OSError:
        sock.close()
        raise
    return sock


def _first_that_answers(target: Target) -> socket.socket:
    """Return a socket for this machine or, if nobody listens here, for the one around it."""
    here = _bound(target, socket.SOCK_STREAM)
    here.settimeout(_HERE)
    try:
        here.connect((target.address, target.port))
    except OSError:
        here.close()
    else:
        here.setblocking(False)
        return here
    there = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    begin(there, (target.otherwise, target.port))
    return there
