"""/etc/resolv.conf: the host's read, a container's made.

Source: resolv.conf(5); moby, libnetwork/internal/resolvconf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

EMBEDDED = "127.0.0.11"
"""Where a container in a network of one's own finds the embedded DNS."""

HOST_FILE = Path("/etc/resolv.conf")
SYSTEMD_FILE = Path("/run/systemd/resolve/resolv.conf")
"""What systemd-resolved asks, where the host's file names only systemd-resolved itself."""

PUBLIC = ("8.8.8.8", "8.8.4.4")
"""Asked where the host names nobody, as Docker does."""

_STUB = "127.0.0.53"


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """Name servers, search domains and options (`ndots:0`) in order; `others` are lines as they are."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> ResolvConf:
        """Read a file's text; servers that are no addresses are left out."""
        servers: list[str] = []
        search: list[str] = []
        options: list[str] = []
        others: list[str] = []
        for line in text.splitlines():
            words = line.split()
            if not words or line[0] in "#;":
                continue
            if words[0] == "nameserver":
                servers += [word for word in words[1:2] if _is_address(word)]
            elif words[0] in ("search", "domain") and words[1:]:
                # only the last one counts
                search = words[1:]
            elif words[0] == "options":
                options += words[1:]
            elif words[0] not in ("search", "domain"):
                others.append(line)
        return cls(tuple(servers), tuple(search), tuple(options), tuple(others))

    @property
    def local(self) -> str:
        """The first IPv4 name server on the host's loopback, empty for none."""
        found = (each for each in self.servers if is_loopback(each) and ":" not in each)
        return next(found, "")

    def __str__(self) -> str:
        lines = [f"nameserver {server}" for server in self.servers]
        lines += [f"search {' '.join(self.search)}"] if self.search else []
        lines += [f"options {' '.join(self.options)}"] if self.options else []
        return "".join(f"{line}\n" for line in (*lines, *self.others))


@dataclass(frozen=True, slots=True)
class DnsWish:
    """What --dns, --dns-search and --dns-option ask for; empty where the host's values serve."""

    servers: Sequence[str] = ()
    search: Sequence[str] = ()
    options: Sequence[str] = ()


def of_host() -> ResolvConf:
    """Return the host's configuration; an empty one if it has none."""
    conf = _read(HOST_FILE)
    if conf.servers == (_STUB,) and SYSTEMD_FILE.exists():
        # the stub's address would mean the container itself
        return _read(SYSTEMD_FILE)
    return conf


def for_container(host: ResolvConf, wish: DnsWish, embedded: bool, gateway: str = "") -> ResolvConf:
    """Return a container's configuration; with the `embedded` DNS, that is its only server.

    A container has a loopback of its own: resolvers on the host's answer at the `gateway`.
    """
    servers = tuple(wish.servers)
    if not servers:
        found = (gateway if is_loopback(each) else each for each in host.servers)
        servers = tuple(dict.fromkeys(filter(None, found))) or PUBLIC
    search = tuple(each for each in wish.search if each != ".") if wish.search else host.search
    options = tuple(wish.options) or host.options
    if embedded:
        servers = (EMBEDDED,)
        options = tuple(each for each in options if each not in ("ndots", "ndots:"))
        if not any(each.startswith("ndots:") for each in options):
            options = (*options, "ndots:0")
    return ResolvConf(servers, search, options, host.others)


def _read(path: Path) -> ResolvConf:
    try:
        return ResolvConf.parse(path.read_text(errors="replace"))
    except OSError:
        return ResolvConf()


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def is_loopback(text: str) -> bool:
    """Return whether an address is one of the host itself."""
    return ip_address(text.partition("%")[0]).is_loopback
