"""Credentials for registries, as clients send them: one set, or one for each server.

Source: Docker Engine API, Authentication.
"""

from __future__ import annotations

from collections.abc import Callable

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.fields import Json
from lab.oci.reference import DEFAULT_DOMAIN
from lab.registry.endpoint import Credentials as Credentials

Wallet = Callable[[str], Credentials | None]
"""Returns the credentials for a registry's domain."""

_INDEXES = ("", "index.docker.io", "registry-1.docker.io", DEFAULT_DOMAIN)


def parse_credentials(source: Json) -> Credentials | None:
    """Return the credentials in an AuthConfig, None if there are none.

    Raises InvalidParameter for members of the wrong type.
    """
    name, password = fields.text(source, "username"), fields.text(source, "password")
    return Credentials(name, password) if name and password else None


def parse_wallet(configs: Json) -> Wallet:
    """Return what finds the credentials in a map from servers to AuthConfigs."""
    found = {domain_of(server): config for server, config in configs.items()}

    def of(domain: str) -> Credentials | None:
        try:
            return parse_credentials(fields.obj(found, domain))
        except InvalidParameter:
            return None

    return of


def domain_of(address: str) -> str:
    """Return the domain that a client's server address means; `docker.io` for Docker's index."""
    host = address.partition("://")[2] or address
    host = host.partition("/")[0]
    return DEFAULT_DOMAIN if host in _INDEXES else host
