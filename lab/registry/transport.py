"""HTTP to one registry: finds it, proves who one is, follows redirects, keeps time limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from lab.errors import RegistryError
from lab.registry import tls
from lab.registry.authorizer import Authorizer, Scopes
from lab.registry.challenge import parse_challenges
from lab.registry.endpoint import Credentials, Endpoint
from lab.registry.failures import BROKEN, as_error, no_address, read_answer, unreachable

Body = Callable[[], bytes | AsyncIterator[bytes]]
"""Makes a request's body; called again if the request has to be repeated."""

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 10
_MAX_TOKEN_ANSWER = 256 * 1024
_HEADERS = {"User-Agent": "docker-learning-lab", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Limits:
    """Patience, in seconds: to connect, for an answer without a body worth mentioning, and
    between two pieces of a blob; how many attempts; and how long a second of the pauses between
    them is.
    """

    connect: float = 15.0
    answer: float = 30.0
    stall: float = 60.0
    attempts: int = 5
    second: float = 1.0


def parse_location(text: str) -> URL:
    """Return a Location as the server wrote it: signed addresses must not be quoted anew."""
    try:
        return URL(text, encoded=True)
    except ValueError:
        raise aiohttp.InvalidURL(text) from None


class Transport:
    """Requests to one endpoint, with one set of credentials, which reach no other."""

    def __init__(self, endpoint: Endpoint, credentials: Credentials | None, limits: Limits) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None
        self._authorizer = Authorizer(credentials, self._ask)
        self._base: URL | None = None
        self._finding = asyncio.Lock()

    async def base(self) -> URL:
        """Return the endpoint's URL that answers; RegistryError, with status 0, if none does."""
        async with self._finding:
            if self._base is None:
                self._base = await self._find()
            return self._base

    @asynccontextmanager
    async def request(
        self,
        method: str,
        target: str | URL,
        scopes: Scopes = (),
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and yield the answer, whatever its status, before its body is read.

        `target` is relative to the endpoint, or whole (from a Location header).  Raises
        RegistryError with status 0 if there is no answer.
        """
        url = (await self.base()).join(target if isinstance(target, URL) else URL(target))
        try:
            response = await self._authorized(method, url, scopes, dict(headers or {}), body)
        except BROKEN as error:
            raise unreachable(method, url, error) from error
        try:
            yield response
        finally:
            response.release()

    async def close(self) -> None:
        """Close all connections; the transport may be used again afterwards."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _find(self) -> URL:
        """Ask each URL whether it is a registry; the first that speaks HTTP at all is the one."""
        failure = RegistryError("no endpoints found")
        for text in self._endpoint.urls:
            try:
                url = URL(text) / "v2/"
                async with asyncio.timeout(self._limits.answer):
                    response = await self._send("GET", url, {}, None)
            except BROKEN as error:
                failure = unreachable("GET", url, error)
                continue
            except ValueError as error:
                failure = no_address(text, error)
                continue
            challenges = parse_challenges(response.headers.getall("WWW-Authenticate", ()))
            self._authorizer.learn(URL(text), challenges if response.status == 401 else ())
            response.release()
            return URL(text)
        raise failure

    async def _authorized(
        self, method: str, url: URL, scopes: Scopes, headers: dict[str, str], body: Body | None
    ) -> aiohttp.ClientResponse:
        base = await self.base()
        # an upload's Location may be on another host, which has no business with our proof
        at_home = url.origin() == base.origin()
        if at_home:
            headers["Authorization"] = await self._authorizer.header(scopes)
        response = await self._send(method, url, headers, body)
        if response.status != 401 or not at_home:
            return response
        challenges = parse_challenges(response.headers.getall("WWW-Authenticate", ()))
        if not self._authorizer.learn(base, challenges):
            return response
        response.release()
        self._authorizer.forget(scopes)
        headers["Authorization"] = await self._authorizer.header(scopes)
        return await self._send(method, url, headers, body)

    async def _send(
        self, method: str, url: URL, headers: Mapping[str, str], body: Body | None
    ) -> aiohttp.ClientResponse:
        """Send once; reading follows redirects, and takes the proof along only on one host."""
        headers = {name: value for name, value in headers.items() if value}
        for _ in range(_MAX_REDIRECTS):
            response = await self._opened().request(
                method,
                url,
                headers=headers,
                data=body() if body else None,
                allow_redirects=False,
            )
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location or method not in ("GET", "HEAD"):
                return response
            response.release()
            onward = url.join(parse_location(location))
            if onward.origin() != url.origin():
                headers.pop("Authorization", None)
            url = onward
        raise aiohttp.ClientError(f"stopped after {_MAX_REDIRECTS} redirects")

    async def _ask(self, url: URL, headers: Mapping[str, str]) -> bytes:
        """GET a token server's answer."""
        async with asyncio.timeout(self._limits.answer):
            response = await self._send("GET", url, headers, None)
            try:
                if response.status != 200:
                    raise as_error(await read_answer(response))
                return await response.content.read(_MAX_TOKEN_ANSWER)
            finally:
                response.release()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector(),
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    connect=self._limits.connect,
                    sock_connect=self._limits.connect,
                    sock_read=self._limits.stall,
                ),
            )
        return self._session

    def _connector(self) -> aiohttp.BaseConnector:
        if self._endpoint.socket is not None:
            return aiohttp.UnixConnector(str(self._endpoint.socket))
        return aiohttp.TCPConnector(ssl=tls.context(self._endpoint) or self._endpoint.verify_tls)
