"""Published ports: host ports that lead to a container, for as long as it runs.

The engine lives in the host's network namespace and containers in the sandbox's, so no packet
passes between them; a relay takes each connection over.  Nothing of the host is changed.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lab.errors import LabError, NetworkError, Unsupported
from lab.network.bindings import Port, PortBinding
from lab.network.datagrams import Datagrams
from lab.network.hostports import ANY4, ANY6, HostPorts, Outside, Privileged, ipv6_usable
from lab.network.published import PublishedUdp
from lab.network.relay import Listener, Relay, SocketFactory


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A mapping that is in force, as `docker inspect` lists it: one per address of the host."""

    port: int
    protocol: str
    host_ip: str
    host_port: int
    target_ip: str


class PortRelay:
    """Publishes ports.  Thread-safe; `close` ends all connections.

    `sandbox_socket` makes the sockets that reach containers; `ephemeral`, `outside` and
    `privileged` are those of HostPorts; `local_ports` is told which UDP ports of the sandbox are
    used towards containers.
    """

    def __init__(
        self,
        sandbox_socket: SocketFactory,
        ephemeral: tuple[int, int] | None = None,
        outside: Outside | None = None,
        privileged: Privileged | None = None,
        local_ports: set[int] | None = None,
    ) -> None:
        self._host_ports = HostPorts(ephemeral, outside, privileged)
        self._sandbox_socket = sandbox_socket
        self._local_ports = set() if local_ports is None else local_ports
        self._relay = Relay(sandbox_socket)
        self._datagrams: Datagrams | None = None
        self.everywhere = (ANY4, ANY6) if ipv6_usable() else (ANY4,)
        self._served: dict[PublishedPort, Listener | PublishedUdp] = {}
        self._lock = threading.Lock()

    def publish(
        self, binding: PortBinding, target_ip: str, endpoint: str
    ) -> tuple[PublishedPort, ...]:
        """Make `binding.port` of the container at `target_ip` reachable.

        Without a host address, that is on all of them, IPv4 and IPv6, at the same port number.
        `endpoint` is `NAME (ID)`, for the message.  Raises Unsupported for other protocols than
        TCP and UDP and NetworkError, in Docker's words, if the host port cannot be had; then
        nothing is published.
        """
        port = binding.port
        if port.protocol not in ("tcp", "udp"):
            raise Unsupported(f"this engine does not publish ports of {port.protocol}: {port}")
        addresses = (binding.host_ip,) if binding.host_ip else self.everywhere
        try:
            return self.publish_at(addresses, binding, target_ip)
        except NetworkError as error:
            raise NetworkError(
                "driver failed programming external connectivity on endpoint "
                f"{endpoint}: {error.message}",
                error.hint,
            ) from error

    def publish_at(
        self, addresses: Sequence[str], binding: PortBinding, target_ip: str
    ) -> tuple[PublishedPort, ...]:
        """Do as `publish` at these addresses of the host; NetworkError says what could not be bound."""
        port = binding.port
        number, sockets = self._host_ports.bind(
            addresses, binding.first, binding.last, port.protocol
        )
        published = tuple(
            PublishedPort(port.number, port.protocol, address, number, target_ip)
            for address in addresses
        )
        self._serve(dict(zip(published, map(self._server(port, target_ip), sockets), strict=True)))
        return published

    def unpublish(self, ports: Iterable[PublishedPort]) -> None:
        """End mappings and their connections; what is not in force any more is no error."""
        with self._lock:
            found = {port: self._served.pop(port) for port in ports if port in self._served}
        self._end(found)

    def close(self) -> None:
        """End all mappings and connections, and the relay's threads."""
        with self._lock:
            found = list(self._served)
            self._served.clear()
        self._relay.close()
        if self._datagrams is not None:
            self._datagrams.close()
        self._release(found)

    def _server(
        self, port: Port, target_ip: str
    ) -> Callable[[socket.socket], Listener | PublishedUdp]:
        target = (target_ip, port.number)
        if port.protocol == "tcp":
            return lambda sock: Listener(sock, target)
        return lambda sock: PublishedUdp(sock, target, self._sandbox_socket, self._local_ports)

    def _serve(self, served: dict[PublishedPort, Listener | PublishedUdp]) -> None:
        try:
            self._relay.add([each for each in served.values() if isinstance(each, Listener)])
        except LabError:
            for each in served.values():
                each.socket.close()
            self._release(served)
            raise
        for each in served.values():
            if isinstance(each, PublishedUdp):
                self._carrier().add(each)
        with self._lock:
            self._served.update(served)

    def _end(self, served: dict[PublishedPort, Listener | PublishedUdp]) -> None:
        listeners = [each for each in served.values() if isinstance(each, Listener)]
        if listeners:
            self._relay.remove(listeners)
        for each in served.values():
            if isinstance(each, PublishedUdp):
                self._carrier().remove(each)
        self._release(served)

    def _carrier(self) -> Datagrams:
        """Return what carries UDP; most labs never need it."""
        with self._lock:
            if self._datagrams is None:
                self._datagrams = Datagrams()
            return self._datagrams

    def _release(self, ports: Iterable[PublishedPort]) -> None:
        for port in ports:
            self._host_ports.release(port.host_ip, port.host_port, port.protocol)
