"""Where a registry is, and who one is there."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from lab.oci.reference import DEFAULT_DOMAIN

TRUSTED = Path("/etc/docker/certs.d")
"""Where Docker looks for a registry's certificates: in a folder named HOST:PORT."""

_DOCKER_HUB = "registry-1.docker.io"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Name and password at one registry.  The password does not appear in `repr`."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registry's address.

    `urls` are tried in order, until one of them answers HTTP at all.  With `socket`, the
    connection goes to that unix socket, whatever host the URL names.  `trusted` is a folder whose
    `*.crt` vouch for this registry, beside those that vouch for all, and whose `*.cert` with
    `*.key` prove who the client is; it need not exist.  `verify_tls` is false where certificates
    are not checked: on this machine itself.
    """

    urls: tuple[str, ...]
    socket: Path | None = None
    verify_tls: bool = True
    trusted: Path | None = None

    @classmethod
    def of(cls, domain: str, trusted: Path = TRUSTED) -> Endpoint:
        """Return the endpoint of a reference's domain, as Docker chooses it.

        `trusted` is where the folders with registries' certificates are.

        `docker.io` is Docker Hub.  Hosts of this machine's own (`localhost`, 127.0.0.0/8, ::1)
        may speak plain HTTP, which is tried if HTTPS does not work; all others must have HTTPS.
        """
        host = _DOCKER_HUB if domain == DEFAULT_DOMAIN else domain
        if _is_loopback(host):
            both = (f"https://{host}", f"http://{host}")
            return cls(both, verify_tls=False, trusted=trusted / domain)
        return cls((f"https://{host}",), trusted=trusted / domain)

    @property
    def is_here(self) -> bool:
        """Tell whether the registry is this machine's own."""
        return not self.verify_tls

    @classmethod
    def local(cls, socket: Path) -> Endpoint:
        """Return the endpoint of a registry that listens on a unix socket: the lab's Hub."""
        return cls(("http://hub",), socket=socket)


def _is_loopback(host: str) -> bool:
    bracketed = host.startswith("[")
    name = host[1:].partition("]")[0] if bracketed else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
