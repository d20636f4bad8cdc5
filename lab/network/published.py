"""A published UDP port: the host's socket, and the container that its datagrams go to."""

from __future__ import annotations

import socket
from collections.abc import Hashable
from typing import Any, cast

from lab.network.datagrams import Upstream
from lab.network.relay import SocketFactory

_LARGEST = 65535
_IP_PKTINFO = 8
_IPV6_RECVPKTINFO, _IPV6_PKTINFO = 49, 50

Client = tuple[Any, bytes]
"""A client's address, and which of our addresses it speaks to, as the kernel writes it."""


class PublishedUdp:
    """Answers come from the very address that was asked, of however many the host has."""

    def __init__(
        self,
        sock: socket.socket,
        target: tuple[str, int],
        sandbox_socket: SocketFactory,
        local_ports: set[int],
    ) -> None:
        """`local_ports` is told of the sandbox's ports that are used towards the container."""
        self.socket = sock
        self._target = target
        self._sandbox_socket = sandbox_socket
        self._local_ports = local_ports
        sock.setblocking(False)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def receive(self) -> tuple[Hashable, bytes] | None:
        data, ancillary, _, address = self.socket.recvmsg(_LARGEST, 64)
        local = b""
        for level, kind, content in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
                # interface, the address that was asked, the packet's destination
                local = bytes(4) + content[4:8] + bytes(4)
            elif (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO):
                local = content
        return (address, local), data

    def dial(self, client: Hashable) -> Upstream | None:
        sock = self._sandbox_socket("udp")
        try:
            upstream = Upstream(sock, self._target, on_close=lambda: forget(port))
        except OSError:
            sock.close()
            raise
        port, forget = sock.getsockname()[1], self._local_ports.discard
        self._local_ports.add(port)
        return upstream

    def answer(self, client: Hashable, data: bytes) -> None:
        address, local = cast(Client, client)
        ancillary = []
        if local:
            is_ipv6 = self.socket.family == socket.AF_INET6
            level = socket.IPPROTO_IPV6 if is_ipv6 else socket.IPPROTO_IP
            ancillary = [(level, _IPV6_PKTINFO if is_ipv6 else _IP_PKTINFO, local)]
        self.socket.sendmsg([data], ancillary, 0, address)

    def close(self) -> None:
        self.socket.close()
