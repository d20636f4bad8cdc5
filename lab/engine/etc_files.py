"""The files by which a container knows itself and others: /etc/hosts and /etc/resolv.conf.

They are the container's own: what a program in it wrote there stays, as long as it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.engine.containers import Container
from lab.engine.name_wishes import HOST_GATEWAY
from lab.network import resolv_conf
from lab.runtime.bundle import default_hosts

_LARGEST = 1 << 20
"""Bytes of a file that are still read: more is the container's own doing."""


class EtcFiles:
    """Says what is in the files, and changes them while the container runs."""

    def __init__(self, host_gateway: Callable[[], str]) -> None:
        self._host_gateway = host_gateway

    def hosts(self, container: Container) -> list[tuple[str, str]]:
        """Return the lines of /etc/hosts: addresses and their names."""
        extra = []
        for entry in container.settings.extra_hosts:
            name, _, target = entry.partition(":")
            address = self._host_gateway() if target == HOST_GATEWAY else target.strip("[]")
            extra.append(f"{name}:{address}")
        lines = default_hosts("", "", extra)
        places = container.record.networks
        own = [address for each in places for address in (each.address, each.address6) if address]
        return [*lines, *((address, _own_names(container)) for address in own)]

    def resolv_conf(self, container: Container) -> str:
        """Return the text of /etc/resolv.conf."""
        embedded = any(place.names is not None for place in container.record.networks)
        return self._resolv_conf(container, embedded)

    def add_hosts(self, container: Container, *addresses: str) -> None:
        """Let a running container know more addresses of its own; empty ones are none."""
        path = container.folder / "hosts"
        if path.stat().st_size < _LARGEST:
            with open(path, "a") as file:
                for address in filter(None, addresses):
                    file.write(f"{address}\t{_own_names(container)}\n")

    def remove_hosts(self, container: Container, *addresses: str) -> None:
        """Take addresses of its own away again, unless their lines have been changed."""
        path = container.folder / "hosts"
        before = text = _read(path)
        for address in filter(None, addresses):
            text = text.replace(f"{address}\t{_own_names(container)}\n", "", 1)
        if text != before:
            path.write_text(text)

    def use_embedded_dns(self, container: Container) -> None:
        """Let a running container ask the embedded DNS, unless its file has been changed."""
        path = container.folder / "resolv.conf"
        if _read(path) == self._resolv_conf(container, embedded=False):
            # it is bound by itself: no other file can take its place
            path.write_text(self._resolv_conf(container, embedded=True))

    def _resolv_conf(self, container: Container, embedded: bool) -> str:
        host, wish = resolv_conf.of_host(), container.settings.dns
        return str(resolv_conf.for_container(host, wish, embedded, self._host_gateway()))


def _own_names(container: Container) -> str:
    config = container.record.config
    hostname, domain = config["Hostname"], config["Domainname"]
    return f"{hostname}.{domain} {hostname}" if domain else str(hostname)


def _read(path: Path) -> str:
    if path.stat().st_size >= _LARGEST:
        return ""
    return path.read_text(errors="surrogateescape")
