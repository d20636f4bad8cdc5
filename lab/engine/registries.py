"""Which registry a name leads to, and whose credentials may go there.

`docker.io` is the lab's Hub first.  Only what cannot be there, by name or because the Hub does not
have it, is looked for at the real Docker Hub.  Names of the lab's accounts never are, and what
proves one of its accounts never leaves the Hub.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab.engine.credentials import Credentials, domain_of
from lab.errors import Forbidden, InvalidParameter, NotFound, RegistryError, Unauthorized
from lab.oci.digest import Digest
from lab.oci.reference import DEFAULT_DOMAIN, OFFICIAL_PREFIX, Reference
from lab.registry import names
from lab.registry.client import RegistryClient, Resolved
from lab.registry.endpoint import TRUSTED, Endpoint
from lab.registry.errors import Refused
from lab.registry.hub import Hub
from lab.registry.transport import Limits

_FAR = Limits(connect=4.0, answer=8.0)
"""Patience with the real Docker Hub, which may be out of reach."""

_OFFLINE_SECONDS = 30.0
"""How long the real Docker Hub is not tried again after it was out of reach."""

_DOCKER_HUB_URL = "https://registry-1.docker.io/v2/"
_WRONG_PASSWORD = "unauthorized: incorrect username or password"
_FOUND, _MAX_FOUND = 25, 100


@dataclass(frozen=True, slots=True)
class Remote:
    """A manifest that was found, and the registry that has it; `close` it afterwards.

    `file` returns the file of a blob where the registry is the lab's Hub, None elsewhere.
    """

    client: RegistryClient
    path: str
    resolved: Resolved
    file: Callable[[Digest], Path | None]

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()


@dataclass(frozen=True, slots=True)
class Found:
    """A repository that a search found; `name` as people write it."""

    name: str
    official: bool
    about: str = ""


class Registries:
    """Finds registries; belongs to the event loop's thread."""

    def __init__(
        self,
        hub: Hub,
        hub_socket: Path,
        docker_hub: Endpoint | None = None,
        host: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`docker_hub` is the real one's address, by default the known one; `host` is where the
        host's files lie, among them registries' certificates.
        """
        self._hub = hub
        self._hub_endpoint = Endpoint.local(hub_socket)
        self._trusted = Path(f"{host}{TRUSTED}")
        self._docker_hub = docker_hub or Endpoint.of(DEFAULT_DOMAIN, self._trusted)
        self._clock = clock
        self._offline_until = float("-inf")
        # passwords are hashed in a thread; the default ones may all be waiting for the Hub
        self._pool = ThreadPoolExecutor(1, "registries")

    async def resolve(self, reference: Reference, credentials: Credentials | None) -> Remote:
        """Return the manifest that a reference names.

        Raises NotFound, Unauthorized, Forbidden, RegistryError as Docker words them.
        """
        if reference.domain != DEFAULT_DOMAIN:
            endpoint = await self._elsewhere(reference.domain, credentials)
            client = RegistryClient(endpoint, credentials)
            return await _resolved(client, reference, _no_file)
        try:
            client = self._hub_client(credentials)
            return await _resolved(client, reference, self._file_of(reference.path))
        except NotFound as missing:
            if self._is_ours(reference.path) or self._clock() < self._offline_until:
                raise
            return await self._resolve_at_docker_hub(reference, credentials, missing)

    async def tags(self, reference: Reference, credentials: Credentials | None) -> list[str]:
        """Return the tags of a repository; errors as in `resolve`."""
        if reference.domain != DEFAULT_DOMAIN:
            endpoint = await self._elsewhere(reference.domain, credentials)
            return await _tags(RegistryClient(endpoint, credentials), reference)
        try:
            return await _tags(self._hub_client(credentials), reference)
        except NotFound as missing:
            if self._is_ours(reference.path) or self._clock() < self._offline_until:
                raise
            far = await self._resolve_at_docker_hub(reference.tagged(), credentials, missing)
            return await _tags(far.client, reference)

    async def for_push(
        self, reference: Reference, credentials: Credentials | None
    ) -> RegistryClient:
        """Return a client of the registry that a push to this name goes to; close it afterwards."""
        if reference.domain != DEFAULT_DOMAIN:
            endpoint = await self._elsewhere(reference.domain, credentials)
            return RegistryClient(endpoint, credentials)
        strangers = credentials is not None and not self._is_account(credentials.username)
        if strangers and not self._is_ours(reference.path):
            return RegistryClient(self._docker_hub, credentials)
        # without credentials nobody may push anywhere, which the Hub can say as well
        return self._hub_client(credentials)

    async def login(self, credentials: Credentials, address: str) -> None:
        """Check credentials for a registry, given as the client does: a URL, a host, or nothing.

        Raises Unauthorized, in Docker's words, if they are wrong; RegistryError if the registry
        does not answer.
        """
        domain = domain_of(address)
        if domain != DEFAULT_DOMAIN:
            endpoint = await self._elsewhere(domain, credentials)
            await _login(RegistryClient(endpoint, credentials))
        elif self._is_account(credentials.username):
            if not await self._verify(credentials):
                raise Unauthorized(f'Get "{_DOCKER_HUB_URL}": {_WRONG_PASSWORD}')
        else:
            await self._login_at_docker_hub(credentials)

    def search(self, term: str, limit: int) -> list[Found]:
        """Return the Hub's public repositories whose names contain `term`, official ones first.

        Raises InvalidParameter for a limit that Docker refuses.
        """
        if not 0 <= limit <= _MAX_FOUND:
            raise InvalidParameter(f"limit {limit} is outside the range of [1, {_MAX_FOUND}]")
        wanted = term.lower().removeprefix(f"{DEFAULT_DOMAIN}/").removeprefix(OFFICIAL_PREFIX)
        found = [
            Found(
                name.removeprefix(OFFICIAL_PREFIX),
                name.startswith(OFFICIAL_PREFIX),
                self._hub.about(name),
            )
            for name in self._hub.repositories()
            if not self._hub.rights.is_private(name)
        ]
        hits = [each for each in found if wanted in each.name]
        hits.sort(key=lambda each: (not each.official, each.name))
        return hits[: limit or _FOUND]

    async def search_elsewhere(self, domain: str, term: str, limit: int) -> list[Found]:
        """Ask another registry, by the way that registries once had and Docker still tries.

        Raises RegistryError as Docker words it; hardly any registry answers.
        """
        client = RegistryClient(Endpoint.of(domain, self._trusted))
        try:
            found = await client.search(term, limit or _FOUND)
        finally:
            await client.close()
        return [Found(*each) for each in found]

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown()

    async def _resolve_at_docker_hub(
        self, reference: Reference, credentials: Credentials | None, missing: NotFound
    ) -> Remote:
        own = credentials is not None and self._is_account(credentials.username)
        client = RegistryClient(self._docker_hub, None if own else credentials, _FAR)
        try:
            return await _resolved(client, reference, _no_file)
        except RegistryError as error:
            if error.status:
                raise
            self._offline_until = self._clock() + _OFFLINE_SECONDS
            raise missing from None

    async def _login_at_docker_hub(self, credentials: Credentials) -> None:
        try:
            await _login(RegistryClient(self._docker_hub, credentials, _FAR))
        except RegistryError as error:
            if error.status:
                raise
            raise Unauthorized(
                f'Get "{_DOCKER_HUB_URL}": {_WRONG_PASSWORD}',
                hint=f'the lab\'s Hub has no account "{credentials.username}", and Docker Hub'
                " cannot be reached",
            ) from None

    async def _elsewhere(self, domain: str, credentials: Credentials | None) -> Endpoint:
        """Return where another registry is; refuse to show it what proves an account of the lab.

        One of this machine's own, such as a learner's private registry, may see that.
        """
        endpoint = Endpoint.of(domain, self._trusted)
        if credentials is None or endpoint.is_here or not self._is_account(credentials.username):
            return endpoint
        if await self._verify(credentials):
            raise Forbidden(
                "the name and password of an account of the lab's Hub are not sent to another"
                " registry"
            )
        return endpoint

    async def _verify(self, credentials: Credentials) -> bool:
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._hub.accounts.verify, credentials.username, credentials.password
        )

    def _hub_client(self, credentials: Credentials | None) -> RegistryClient:
        known = credentials is not None and self._is_account(credentials.username)
        return RegistryClient(self._hub_endpoint, credentials if known else None)

    def _is_account(self, name: str) -> bool:
        return self._hub.accounts.exists(name)

    def _is_ours(self, path: str) -> bool:
        """Return whether a repository is in the namespace of one of the lab's accounts."""
        return self._is_account(names.owner_of(path))

    def _file_of(self, path: str) -> Callable[[Digest], Path | None]:
        def file(digest: Digest) -> Path | None:
            repository = names.repository(path)
            try:
                return self._hub.source(repository).blob(repository, digest)
            except Refused:
                return None

        return file


async def _resolved(
    client: RegistryClient, reference: Reference, file: Callable[[Digest], Path | None]
) -> Remote:
    try:
        return Remote(client, reference.path, await client.resolve(reference), file)
    except BaseException:
        await client.close()
        raise


async def _tags(client: RegistryClient, reference: Reference) -> list[str]:
    try:
        return await client.tags(reference)
    finally:
        await client.close()


async def _login(client: RegistryClient) -> None:
    try:
        await client.login()
    finally:
        await client.close()


def _no_file(digest: Digest) -> Path | None:
    return None
