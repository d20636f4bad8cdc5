"""Signed statements of who somebody is and what they may do: the Hub's bearer tokens.

A token is a JWT signed with HMAC-SHA256.  Whoever holds the key can make any token, so the key
is a file that only the Hub's user can read.  Source: RFC 7519; Docker's token specification,
whose `access` claim lists the repositories.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import Unauthorized

LIFETIME = 300
"""Seconds that a token is good for; Docker Hub's value."""

_HEADER = {"typ": "JWT", "alg": "HS256"}
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: the account (empty: nobody in particular), and actions by repository."""

    account: str
    access: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Tokens:
    """Issues tokens and reads them back."""

    def __init__(self, key: bytes, service: str) -> None:
        self._key = key
        self._service = service

    def issue(self, claims: Claims, now: float) -> str:
        """Return a token that holds from `now` (seconds since the epoch) for LIFETIME."""
        access = [
            {"type": "repository", "name": name, "actions": sorted(actions)}
            for name, actions in claims.access.items()
        ]
        payload = {
            "iss": self._service,
            "aud": self._service,
            "sub": claims.account,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + LIFETIME,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        signed = f"{_encode(_HEADER)}.{_encode(payload)}"
        return f"{signed}.{_text(self._signature(signed))}"

    def read(self, token: str, now: float) -> Claims:
        """Return what `token` says; Unauthorized if it is forged, malformed or too old."""
        signed, _, signature = token.rpartition(".")
        if not token.isascii() or not hmac.compare_digest(
            _bytes(signature), self._signature(signed)
        ):
            raise Unauthorized("invalid token")
        # what carries our signature was written by `issue`
        payload = json.loads(_bytes(signed.partition(".")[2]))
        if not payload["nbf"] <= now < payload["exp"]:
            raise Unauthorized("token has expired")
        access = {entry["name"]: frozenset(entry["actions"]) for entry in payload["access"]}
        return Claims(payload["sub"], access)

    def _signature(self, signed: str) -> bytes:
        return hmac.new(self._key, signed.encode(), hashlib.sha256).digest()


def load_key(path: Path) -> bytes:
    """Return the signing key in `path`; the first call makes it, readable by its owner only."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) == _KEY_BYTES:
        return key
    key = secrets.token_bytes(_KEY_BYTES)
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return key


def _encode(value: Any) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Unauthorized("invalid token") from None
