"""Containers in networks of one's own find each other by name: the embedded DNS, kept up to date."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from lab.engine.containers import Container
from lab.engine.wiring import Plug, Wiring
from lab.kernel import channel
from lab.network.destinations import HOST
from lab.network.forward import Server
from lab.network.names import Entry, NameTable
from lab.network.resolver import Resolver


class NameService:
    """Tells the embedded DNS who is where.  Usable from any thread."""

    def __init__(self, names: NameTable, resolver: Resolver) -> None:
        self._names = names
        self._resolver = resolver

    def begin(self, container: Container, wiring: Wiring) -> socket.socket:
        """Begin to serve a container; return the channel that its sockets are to be sent to.

        The channel is the caller's, who closes it when the sockets are sent, or never will be.
        """
        ours, theirs = channel.pair()
        try:
            servers = _servers(container, wiring)
            self._resolver.expect(container.id, ours, servers, wiring.gateway is not None)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        wiring.named = True
        return theirs

    def follow(self, container: Container, wiring: Wiring) -> None:
        """Take note that a container's networks have changed."""
        if wiring.named:
            servers = _servers(container, wiring)
            self._resolver.update(container.id, servers, wiring.gateway is not None)

    def end(self, container: Container, wiring: Wiring) -> None:
        """Stop serving a container; one that is not served is no error."""
        for plug in wiring.plugs:
            self.drop(container, plug)
        if wiring.named:
            self._resolver.drop(container.id)
            wiring.named = False

    def put(self, container: Container, plug: Plug) -> None:
        """Let others of a network find a container by its names."""
        if plug.network.named:
            place = plug.place
            entry = Entry(
                plug.network.name,
                IPv4Address(plug.member.address),
                tuple(place.names or ()),
                dict(_link(text) for text in place.links or ()),
                IPv6Address(plug.member.address6) if plug.member.address6 else None,
            )
            self._names.put(container.id, entry)

    def drop(self, container: Container, plug: Plug) -> None:
        """Let nobody of a network find a container any more."""
        self._names.drop(container.id, plug.network.name)

    def close(self) -> None:
        """End the embedded DNS."""
        self._resolver.close()


def _servers(container: Container, wiring: Wiring) -> Sequence[Server]:
    """Return the servers that --dns names, and whether they are in the container's networks.

    A gateway's address means the host, as for everything else that goes there.
    """
    pools = [plug.network.pool for plug in wiring.plugs if plug.network.pool]
    gateways = [str(pool.gateway) for pool in pools]
    return [
        Server(HOST)
        if text in gateways
        else Server(text, any(ip_address(text) in pool.subnet for pool in pools))
        for text in container.settings.dns.servers
    ]


def _link(text: str) -> tuple[str, str]:
    """Return what `--link db:database` means: that `database` is another name of `db`."""
    target, _, alias = text.partition(":")
    return (alias or target).lower(), target
