"""Published ports: host ports that lead to a container, for as long as it runs.

The engine lives in the host's network namespace and containers in the sandbox's, so no packet
passes between them; a relay takes each connection over.  Nothing of the host is changed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from lab.errors import LabError, NetworkError, Unsupported
from lab.network.bindings import PortBinding
from lab.network.hostports import ANY4, ANY6, HostPorts, Outside, ipv6_usable
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

    `sandbox_socket` makes the sockets that reach containers; `ephemeral` and `outside` are those
    of HostPorts.
    """

    def __init__(
        self,
        sandbox_socket: SocketFactory,
        ephemeral: tuple[int, int] | None = None,
        outside: Outside | None = None,
    ) -> None:
        self._host_ports = HostPorts(ephemeral, outside)
        self._relay = Relay(sandbox_socket)
        self._everywhere = (ANY4, ANY6) if ipv6_usable() else (ANY4,)
        self._listeners: dict[PublishedPort, Listener] = {}
        self._lock = threading.Lock()

    def publish(
        self, binding: PortBinding, target_ip: str, endpoint: str
    ) -> tuple[PublishedPort, ...]:
        """Make `binding.port` of the container at `target_ip` reachable.

        Without a host address, that is on all of them, IPv4 and IPv6, at the same port number.
        `endpoint` is `NAME (ID)`, for the message.  Raises Unsupported for other protocols than
        TCP and NetworkError, in Docker's words, if the host port cannot be had; then nothing is
        published.
        """
        port = binding.port
        if port.protocol != "tcp":
            raise Unsupported(f"publishing {port.protocol} ports is not supported yet: {port}")
        addresses = (binding.host_ip,) if binding.host_ip else self._everywhere
        try:
            number, sockets = self._host_ports.bind(addresses, binding.first, binding.last)
        except NetworkError as error:
            raise NetworkError(
                "driver failed programming external connectivity on endpoint "
                f"{endpoint}: {error.message}",
                error.hint,
            ) from error
        listeners = [Listener(sock, (target_ip, port.number)) for sock in sockets]
        published = tuple(
            PublishedPort(port.number, port.protocol, address, number, target_ip)
            for address in addresses
        )
        self._serve(dict(zip(published, listeners, strict=True)))
        return published

    def unpublish(self, ports: Iterable[PublishedPort]) -> None:
        """End mappings and their connections; what is not in force any more is no error."""
        with self._lock:
            found = {port: self._listeners.pop(port) for port in ports if port in self._listeners}
        if found:
            self._relay.remove(found.values())
        self._release(found)

    def close(self) -> None:
        """End all mappings and connections, and the relay's thread."""
        with self._lock:
            found = list(self._listeners)
            self._listeners.clear()
        self._relay.close()
        self._release(found)

    def _serve(self, listeners: dict[PublishedPort, Listener]) -> None:
        try:
            self._relay.add(listeners.values())
        except LabError:
            for listener in listeners.values():
                listener.socket.close()
            self._release(listeners)
            raise
        with self._lock:
            self._listeners.update(listeners)

    def _release(self, ports: Iterable[PublishedPort]) -> None:
        for port in ports:
            self._host_ports.release(port.host_ip, port.host_port)
