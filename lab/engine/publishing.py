"""The ports of a running container that the host's ports lead to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.engine.containers import Container
from lab.network.bindings import Port, PortBinding, parse_port_bindings
from lab.network.ports import PortRelay, PublishedPort


class Publisher:
    """Publishes what containers ask for.  Its calls block for a moment, and come from any thread."""

    def __init__(self, relay: PortRelay) -> None:
        self._relay = relay

    def publish(
        self, container: Container, address: str, endpoint: str
    ) -> tuple[PublishedPort, ...]:
        """Lead the host ports that a container asks for to its `address`.

        `endpoint` is `NAME (ID)`, for the message.  Raises NetworkError, in Docker's words, for
        ports that are taken; then nothing is published.
        """
        published: list[PublishedPort] = []
        try:
            for binding in wanted(container):
                published += self._relay.publish(binding, address, endpoint)
        except BaseException:
            self._relay.unpublish(published)
            raise
        return tuple(published)

    def unpublish(self, published: Iterable[PublishedPort]) -> None:
        """End mappings and their connections; what is not in force any more is no error."""
        self._relay.unpublish(published)

    def close(self) -> None:
        """End all mappings and connections."""
        self._relay.close()


def wanted(container: Container) -> list[PortBinding]:
    """Return the ports that are to be published, in order: with -P all exposed ones too."""
    host = container.record.host
    bindings = list(parse_port_bindings(host["PortBindings"] or {}))
    if host.get("PublishAllPorts"):
        bound = {binding.port for binding in bindings}
        exposed = map(Port.parse, container.record.config.get("ExposedPorts") or {})
        bindings += [PortBinding(port) for port in exposed if port not in bound]
    return sorted(bindings, key=lambda binding: binding.port)


def port_map(
    container: Container, published: Iterable[PublishedPort]
) -> dict[str, list[dict[str, str]] | None]:
    """Return Docker's map of ports: those exposed, and where each is published."""
    exposed: dict[str, Any] = container.record.config.get("ExposedPorts") or {}
    ports: dict[str, list[dict[str, str]] | None] = dict.fromkeys(exposed)
    for port in published:
        entry = {"HostIp": port.host_ip, "HostPort": str(port.host_port)}
        key = f"{port.port}/{port.protocol}"
        ports[key] = [*(ports.get(key) or []), entry]
    return ports
