"""Who is called what in which network: what the embedded DNS answers from.

Source: moby, libnetwork/sandbox.go (ResolveName) and network.go (names of addresses).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address


@dataclass(frozen=True, slots=True)
class Entry:
    """One container in one network: its names there, the first one that of its address.

    `links` are names that only this container knows others by.
    """

    network: str
    address: IPv4Address
    names: Sequence[str]
    links: Mapping[str, str] = field(default_factory=dict)
    address6: IPv6Address | None = None


class NameTable:
    """The entries of all containers.  Usable from any thread."""

    def __init__(self) -> None:
        # network's name -> container -> entry
        self._networks: dict[str, dict[str, Entry]] = {}
        self._lock = threading.Lock()

    def put(self, container: str, entry: Entry) -> None:
        """Add a container to a network, or change what it is called there."""
        with self._lock:
            self._networks.setdefault(entry.network, {})[container] = entry

    def drop(self, container: str, network: str) -> None:
        """Take a container out of a network; one that is not there is no error."""
        with self._lock:
            members = self._networks.get(network, {})
            members.pop(container, None)
            if not members:
                self._networks.pop(network, None)

    def resolve(self, container: str, name: str) -> list[Entry]:
        """Return the entries that `name` means for a container: only of its own networks.

        `name` may end in a network's name: `web.app`.  Empty if nobody is called so.
        """
        with self._lock:
            shared = self._shared(container)
            for wanted, network in _readings(name.lower()):
                within = shared if network is None else [network] if network in shared else []
                found = [each for one in within for each in self._named(container, one, wanted)]
                if found:
                    return found
        return []

    def name_of(self, container: str, address: IPv4Address | IPv6Address) -> str:
        """Return the name of an address in a container's networks: `web.app`; empty if unknown."""
        with self._lock:
            for network in self._shared(container):
                for entry in self._networks[network].values():
                    if address in (entry.address, entry.address6) and entry.names:
                        return f"{entry.names[0]}.{network}"
        return ""

    def _shared(self, container: str) -> list[str]:
        return [name for name, members in self._networks.items() if container in members]

    def _named(self, container: str, network: str, name: str) -> Iterator[Entry]:
        members = self._networks[network]
        links = members[container].links
        name = links.get(name, name).lower()
        for entry in members.values():
            if name in _lower(entry.names):
                yield entry


def _readings(name: str) -> Iterator[tuple[str, str | None]]:
    """Yield what `name` may mean: a name as a whole, then names with the name of a network."""
    yield name, None
    end = len(name)
    while (end := name.rfind(".", 0, end)) > 0:
        yield name[:end], name[end + 1 :]


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}
