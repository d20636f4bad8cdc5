"""Proving to a registry who one is: an Authorization header for what is to be done.

Source: RFC 7617 (Basic), and the distribution project's token authentication specification
(Bearer): the challenge names a token server, which is asked for a token for certain scopes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from yarl import URL

from lab.errors import RegistryError, Unauthorized
from lab.registry.challenge import Challenge
from lab.registry.endpoint import Credentials

Scopes = tuple[str, ...]
"""What a token is to allow, such as `repository:library/nginx:pull`."""

Ask = Callable[[URL, Mapping[str, str]], Awaitable[bytes]]
"""GETs a URL with headers; returns the body, or raises the error that was answered."""

_MIN_LIFETIME = 60
"""Seconds that every token is good for, whatever its server says (specification)."""


class NoCredentials(Unauthorized):
    """The registry wants a name and a password, and none were given for it."""


def pull_scope(repository: str) -> str:
    return f"repository:{repository}:pull"


def push_scope(repository: str) -> str:
    return f"repository:{repository}:pull,push"


class Authorizer:
    """Answers one registry's challenges; keeps tokens until they run out."""

    def __init__(self, credentials: Credentials | None, ask: Ask) -> None:
        self._credentials = credentials
        self._ask = ask
        self._base = URL()
        self._challenge: Challenge | None = None
        self._tokens: dict[Scopes, tuple[str, float]] = {}
        # so that layers pulled side by side share one token instead of asking for one each
        self._asking = asyncio.Lock()

    def learn(self, base: URL, challenges: Iterable[Challenge]) -> bool:
        """Take note of what the registry at `base` asks for; False if nothing usable."""
        by_scheme = {challenge.scheme: challenge for challenge in reversed(list(challenges))}
        self._base = base
        self._challenge = by_scheme.get("bearer") or by_scheme.get("basic")
        return self._challenge is not None

    def forget(self, scopes: Scopes) -> None:
        """Drop the token for these scopes: the registry did not take it."""
        self._tokens.pop(scopes, None)

    async def header(self, scopes: Scopes) -> str:
        """Return the Authorization header's value; empty if the registry asks for none.

        Raises Unauthorized without the credentials that are needed, or with wrong ones.
        """
        match self._challenge:
            case None:
                return ""
            case Challenge(scheme="basic"):
                if self._credentials is None:
                    raise NoCredentials("no basic auth credentials")
                return _basic(self._credentials)
            case challenge:
                return f"Bearer {await self._token(challenge, scopes)}"

    async def _token(self, challenge: Challenge, scopes: Scopes) -> str:
        async with self._asking:
            token, expires = self._tokens.get(scopes, ("", 0.0))
            if time.monotonic() >= expires:
                token, lifetime = await self._fetch(challenge, scopes)
                # a little early, since the registry's clock runs while the request travels
                self._tokens[scopes] = token, time.monotonic() + lifetime * 0.9
            return token

    async def _fetch(self, challenge: Challenge, scopes: Scopes) -> tuple[str, float]:
        realm = self._realm(challenge)
        query = [("service", challenge.get("service"))] if challenge.get("service") else []
        query += [("scope", scope) for scope in scopes]
        headers = {}
        if self._credentials is not None:
            query.append(("account", self._credentials.username))
            headers["Authorization"] = _basic(self._credentials)
        content = await self._ask(realm.extend_query(query), headers)
        return _read_token(content)

    def _realm(self, challenge: Challenge) -> URL:
        try:
            realm = URL(challenge.get("realm"))
        except ValueError:
            realm = URL()
        if realm.scheme not in ("http", "https") or not realm.host:
            raise RegistryError("no realm specified for token auth challenge")
        if self._credentials and realm.scheme == "http" and self._base.scheme == "https":
            raise RegistryError(f"refusing to send credentials in plain text to {realm}")
        return realm


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _read_token(content: bytes) -> tuple[str, float]:
    """Return the token in a token server's answer, and its lifetime in seconds."""
    try:
        answer: Any = json.loads(content)
        token = answer.get("token") or answer.get("access_token")
        lifetime = float(answer.get("expires_in") or _MIN_LIFETIME)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RegistryError(f"unable to decode token response: {error}") from None
    if not isinstance(token, str) or not token.isprintable():
        raise RegistryError("authorization server did not include a token in the response")
    return token, max(lifetime, _MIN_LIFETIME)
