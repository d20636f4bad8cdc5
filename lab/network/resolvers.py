"""The host's /etc/resolv.conf, and what of it a container can use.  Source: resolv.conf(5)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

PUBLIC = ("8.8.8.8", "8.8.4.4")
"""Asked where the host names nobody, as Docker does."""


@dataclass(frozen=True, slots=True)
class Resolvers:
    """Whom to ask for names, in order, the domains to `search`, and `options` of the resolver."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Resolvers:
        """Read a resolv.conf; what cannot be understood in it is passed over, as resolvers do."""
        servers: list[str] = []
        search: list[str] = []
        options: list[str] = []
        for line in text.splitlines():
            keyword, *values = line.split("#")[0].split(";")[0].split() or [""]
            if keyword == "nameserver" and values and _is_address(values[0]):
                servers.append(values[0])
            elif keyword in ("search", "domain"):
                search = values
            elif keyword == "options":
                options += values
        return cls(tuple(servers), tuple(search), tuple(options))

    def for_container(self, gateway: str) -> Resolvers:
        """Return what a container asks instead: it has a loopback of its own.

        Resolvers on the host's loopback answer at the gateway's address.
        """
        servers = [gateway if _is_local(each) else each for each in self.servers]
        return Resolvers(tuple(dict.fromkeys(servers)) or PUBLIC, self.search, self.options)

    @property
    def local(self) -> str:
        """The first IPv4 name server on the host's loopback, empty for none."""
        found = (each for each in self.servers if _is_local(each) and ":" not in each)
        return next(found, "")

    def to_text(self) -> str:
        """Return a resolv.conf."""
        lines = [f"nameserver {each}" for each in self.servers]
        if self.search:
            lines.append(f"search {' '.join(self.search)}")
        if self.options:
            lines.append(f"options {' '.join(self.options)}")
        return "".join(f"{line}\n" for line in lines)


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_local(text: str) -> bool:
    return ip_address(text.partition("%")[0]).is_loopback
