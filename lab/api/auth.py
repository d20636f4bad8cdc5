"""Credentials in headers.  Source: Docker Engine API, Authentication."""

from __future__ import annotations

from aiohttp import web

from lab.api.bodies import decode_header
from lab.engine.credentials import Credentials, Wallet, parse_credentials, parse_wallet
from lab.errors import InvalidParameter


def credentials_of(request: web.Request) -> Credentials | None:
    """Return the credentials in X-Registry-Auth; a malformed header counts as none, as in Docker."""
    try:
        return parse_credentials(decode_header(request, "X-Registry-Auth"))
    except InvalidParameter:
        return None


def wallet_of(request: web.Request) -> Wallet:
    """Return the credentials in X-Registry-Config; a malformed header counts as none."""
    try:
        return parse_wallet(decode_header(request, "X-Registry-Config"))
    except InvalidParameter:
        return parse_wallet({})
