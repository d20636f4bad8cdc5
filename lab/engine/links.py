"""`--link` on the default bridge: names in /etc/hosts, and variables that tell of another container.

Docker's way from before it had networks of one's own, kept for what still uses it.
Source: moby, daemon/links/links.go, daemon/container_operations_unix.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.engine.containers import Container, Containers
from lab.engine.state import Attachment
from lab.errors import InvalidParameter, LabError, NotFound
from lab.network.bindings import Port
from lab.oci import fields
from lab.oci.fields import Json

_BRIDGE = "bridge"
_OF_THE_BUILD = ("HOME", "PATH")


@dataclass(frozen=True, slots=True)
class Link:
    """A wish: that the container `target` be known as `alias`."""

    target: str
    alias: str

    @classmethod
    def parse(cls, text: str) -> Link:
        """Read `target:alias`, or `target` alone; InvalidParameter for something else."""
        # what inspect shows is taken, too: /target:/parent/alias
        target, colon, alias = text.partition(":")
        target, alias = target.strip("/"), alias.rpartition("/")[2]
        if not target or (colon and not alias) or ":" in alias:
            raise InvalidParameter(f"bad format for links: {text}")
        return cls(target, alias or target)


def links_of(host: Json) -> list[Link]:
    """Return the links that HostConfig asks for."""
    return [Link.parse(text) for text in fields.texts(host, "Links")]


class Links:
    """Finds who is linked to whom."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def check(self, host: Json) -> None:
        """Raise InvalidParameter, in Docker's words, if a new container cannot be linked so."""
        links = links_of(host)
        mode = fields.text(host, "NetworkMode")
        if links and mode == "host":
            raise InvalidParameter(
                "conflicting options: host type networking can't be used with links. "
                "This would result in undefined behavior"
            )
        for link in links:
            try:
                self._containers.get(link.target)
            except NotFound as error:
                message = f"could not get container for {link.target}: {error.message}"
                raise InvalidParameter(message) from None

    def hosts(self, container: Container) -> list[tuple[str, str]]:
        """Return the lines of /etc/hosts; LabError if a linked container does not run."""
        lines = []
        for link, other, place in self._linked(container):
            names = (link.alias, other.record.config["Hostname"], other.name)
            lines.append((place.address, " ".join(dict.fromkeys(names))))
        return lines

    def environment(self, container: Container) -> list[str]:
        """Return the variables that tell a container of those that it is linked to."""
        found: list[str] = []
        for link, other, place in self._linked(container):
            config = other.record.config
            alias = link.alias.upper().replace("-", "_")
            found += _ports(alias, place.address, config.get("ExposedPorts") or ())
            found.append(f"{alias}_NAME=/{container.name}/{link.alias}")
            for entry in config["Env"]:
                name, equals, value = entry.partition("=")
                if equals and name not in _OF_THE_BUILD:
                    found.append(f"{alias}_ENV_{name}={value}")
        return found

    def remove(self, parent: str, alias: str) -> None:
        """Take a link away, for the parent's next start; NotFound if there is none."""
        container = self._containers.get(parent)
        kept = [link for link in links_of(container.record.host) if link.alias != alias]
        if len(kept) == len(links_of(container.record.host)):
            raise NotFound(f"Cannot get child of link /{container.name}/{alias}")
        container.record.host["Links"] = [f"{link.target}:{link.alias}" for link in kept] or None
        self._containers.save(container)

    def names(self) -> dict[str, list[str]]:
        """Return what containers are called by those that are linked to them, by their ids."""
        found: dict[str, list[str]] = {}
        for parent in self._containers.all():
            for link in links_of(parent.record.host):
                try:
                    child = self._containers.get(link.target)
                except (NotFound, InvalidParameter):
                    continue
                found.setdefault(child.id, []).append(f"/{parent.name}/{link.alias}")
        return found

    def _linked(self, container: Container) -> Iterator[tuple[Link, Container, Attachment]]:
        if not any(place.network == _BRIDGE for place in container.record.networks):
            return
        for link in links_of(container.record.host):
            other = self._containers.get(link.target)
            if not other.record.state.is_running:
                raise LabError(
                    f"Cannot link to a non running container: /{other.name} AS "
                    f"/{container.name}/{link.alias}"
                )
            places = [each for each in other.record.networks if each.network == _BRIDGE]
            if not places:
                raise LabError(
                    f"Cannot link to /{other.name}, as it does not belong to the default network"
                )
            yield link, other, places[0]


def shown(host: Json, name: str) -> Json:
    """Return a container's HostConfig as inspect shows it: links with the container's own name."""
    links = links_of(host)
    if not links:
        return host
    texts = [f"/{link.target}:/{name}/{link.alias}" for link in links]
    return {**host, "Links": texts}


def _ports(alias: str, address: str, exposed: Iterable[str]) -> Iterator[str]:
    ports = sorted(map(Port.parse, exposed), key=lambda port: (port.protocol != "tcp", port.number))
    for index, port in enumerate(ports):
        kind, where = port.protocol, f"{port.protocol}://{address}:{port.number}"
        if index == 0:
            yield f"{alias}_PORT={where}"
        prefix = f"{alias}_PORT_{port.number}_{kind.upper()}"
        yield f"{prefix}={where}"
        yield f"{prefix}_ADDR={address}"
        yield f"{prefix}_PORT={port.number}"
        yield f"{prefix}_PROTO={kind}"
