"""Credentials for registries, which clients send along in headers.

Source: Docker Engine API, Authentication.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from lab.api.bodies import decode_header
from lab.engine.registries import domain_of
from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.fields import Json
from lab.registry.endpoint import Credentials


def credentials_of(request: web.Request) -> Credentials | None:
    """Return the credentials in X-Registry-Auth; a malformed header counts as none, as in Docker."""
    try:
        return _credentials(decode_header(request, "X-Registry-Auth"))
    except InvalidParameter:
        return None


def all_credentials(request: web.Request) -> Callable[[str], Credentials | None]:
    """Return what finds the credentials for a registry's domain in X-Registry-Config."""
    try:
        configs = decode_header(request, "X-Registry-Config")
    except InvalidParameter:
        configs = {}
    found = {domain_of(server): config for server, config in configs.items()}

    def of(domain: str) -> Credentials | None:
        try:
            return _credentials(fields.obj(found, domain))
        except InvalidParameter:
            return None

    return of


def _credentials(source: Json) -> Credentials | None:
    name, password = fields.text(source, "username"), fields.text(source, "password")
    return Credentials(name, password) if name and password else None
