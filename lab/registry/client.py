"""The client of registries: resolve, fetch and push, at the lab's Hub or anywhere else.

Source: OCI distribution-spec 1.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO

import aiohttp
from yarl import URL

from lab.errors import LabError, NotFound, RegistryError, Unauthorized
from lab.oci import fields
from lab.oci.descriptor import INDEXES, MANIFESTS, Descriptor
from lab.oci.digest import Digest
from lab.oci.manifest import MAX_SIZE
from lab.oci.reference import Reference
from lab.registry import retries
from lab.registry.answers import parse_digest, read_body
from lab.registry.authorizer import NoCredentials, pull_scope, push_scope
from lab.registry.endpoint import Credentials, Endpoint
from lab.registry.failures import BROKEN, as_error, as_pull_error, cause, read_answer
from lab.registry.retries import Waiting
from lab.registry.sending import Progress, Sender, location
from lab.registry.transport import Limits, Transport

_ACCEPT = ", ".join((*MANIFESTS, *INDEXES))


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference stands for: a manifest or index, byte for byte, and its descriptor."""

    descriptor: Descriptor
    content: bytes


class RegistryClient:
    """Talks to one registry in one name.

    Errors: NotFound, Unauthorized, Forbidden as Docker words them; RegistryError for all else
    that the registry answers, with its HTTP status, or status 0 if it cannot be reached.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: Credentials | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._transport = Transport(endpoint, credentials, self._limits)
        self._sender = Sender(self._transport, self._limits)

    async def reach(self) -> None:
        """Find the registry; RegistryError, with status 0, if it cannot be reached."""
        await self._transport.base()

    async def resolve(self, reference: Reference) -> Resolved:
        """Return the manifest that a reference with a tag or digest names.

        Raises DigestMismatch if the registry sends something else than it, or the reference, says.
        """
        wanted = reference.digest or reference.tag or "latest"
        target = f"/v2/{reference.path}/manifests/{wanted}"
        scopes = (pull_scope(reference.path),)
        async with self._looking_up(target, scopes) as response:
            if response.status != 200:
                raise as_pull_error(await read_answer(response), reference)
            content = await read_body(response, MAX_SIZE)
            announced = response.headers.get("Docker-Content-Digest", "")
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        digest = reference.digest or parse_digest(announced) or Digest.of(content)
        digest.check(content)
        return Resolved(Descriptor(media_type, digest, len(content)), content)

    async def tags(self, reference: Reference) -> list[str]:
        """Return all tags of the repository that a reference names; errors as in `resolve`."""
        target = f"/v2/{reference.path}/tags/list"
        found: list[str] = []
        while target:
            async with self._looking_up(target, (pull_scope(reference.path),)) as response:
                if response.status != 200:
                    raise as_pull_error(await read_answer(response), reference)
                content = await read_body(response, MAX_SIZE)
                more = response.links.get("next")
                target = URL(str(more["url"])).path_qs if more else ""
            found += fields.texts(fields.load_object(content, "tag list"), "tags")
        return found

    async def search(self, term: str, limit: int) -> list[tuple[str, bool, str]]:
        """Return name, whether it is official, and description of what a registry finds.

        Source: Docker's registry API, version 1.
        """
        target = str(URL("/v1/search") % {"q": term, "n": str(limit)})
        async with self._transport.request("GET", target) as response:
            if response.status != 200:
                raise RegistryError(f"Unexpected status code {response.status}", response.status)
            content = fields.load_object(await read_body(response, MAX_SIZE), "search results")
        return [
            (
                fields.text(each, "name"),
                fields.boolean(each, "is_official"),
                fields.text(each, "description"),
            )
            for each in fields.objects(content, "results")
        ]

    @asynccontextmanager
    async def _looking_up(
        self, target: str, scopes: tuple[str, ...]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._transport.request(
                "GET", target, scopes, {"Accept": _ACCEPT}
            ) as response:
                yield response
        except NoCredentials as error:
            # in Docker's words: its engine looks a manifest up before it gets it
            url = (await self._transport.base()).join(URL(target))
            raise RegistryError(f'Head "{url}": {error.message}', 401) from None

    async def fetch(
        self, path: str, descriptor: Descriptor, waiting: Waiting | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a blob of the repository `path`.

        A connection that breaks midway is made again, and goes on where it broke, a few times;
        `waiting` is told of the pauses, which are short without it.
        Whether size and digest are right is for the receiver to check.  One who stops before the
        end closes the generator (contextlib.aclosing).
        """
        offset, attempt = 0, 1
        while True:
            try:
                async with aclosing(self._fetch_from(path, descriptor.digest, offset)) as pieces:
                    async for data in pieces:
                        offset += len(data)
                        yield data
                return
            except RegistryError as error:
                if not retries.is_worth_it(error, attempt, self._limits):
                    raise
            await retries.pause(attempt, self._limits, waiting)
            attempt += 1

    async def has_blob(self, path: str, digest: Digest) -> bool:
        """Tell whether the repository holds the blob; asked before pushing it."""
        target = f"/v2/{path}/blobs/{digest}"
        async with self._transport.request("HEAD", target, (push_scope(path),)) as response:
            if response.status in (200, 404):
                return response.status == 200
            raise as_error(await read_answer(response))

    async def mount_blob(self, path: str, digest: Digest, from_repo: str) -> bool:
        """Let the repository share a blob of another one; False if the registry would not."""
        scopes = (push_scope(path), pull_scope(from_repo))
        target = URL(f"/v2/{path}/blobs/uploads/") % {"mount": str(digest), "from": from_repo}
        async with self._transport.request("POST", target, scopes) as response:
            if response.status == 201:
                return True
            if response.status != 202:
                raise as_error(await read_answer(response))
            session = location(response)
        # it began an upload instead; nothing is lost if it does not hear that none will come
        try:
            async with self._transport.request("DELETE", session, (push_scope(path),)):
                pass
        except LabError:
            pass
        return False

    async def push_blob(
        self,
        path: str,
        descriptor: Descriptor,
        open: Callable[[], BinaryIO],
        progress: Progress = lambda sent: None,
        waiting: Waiting | None = None,
    ) -> None:
        """Upload a blob; `open` is called for each attempt, and what it returns is closed."""
        attempt = 1
        while True:
            file = await asyncio.to_thread(open)
            try:
                return await self._sender.send(path, descriptor, file, progress)
            except RegistryError as error:
                if not retries.is_worth_it(error, attempt, self._limits):
                    raise
            finally:
                file.close()
            await retries.pause(attempt, self._limits, waiting)
            attempt += 1

    async def push_manifest(self, path: str, tag: str, content: bytes, media_type: str) -> Digest:
        """Store a manifest under a tag (or a digest, as text); return its digest."""
        target = f"/v2/{path}/manifests/{tag}"
        headers = {"Content-Type": media_type}
        scopes = (push_scope(path),)
        async with self._transport.request(
            "PUT", target, scopes, headers, lambda: content
        ) as response:
            if response.status not in (200, 201):
                raise as_error(await read_answer(response))
            announced = parse_digest(response.headers.get("Docker-Content-Digest", ""))
        if announced is not None:
            announced.check(content)
        return announced or Digest.of(content)

    async def login(self) -> None:
        """Check the credentials.  Raises Unauthorized, in Docker's words, if they are wrong."""
        url = await self._transport.base() / "v2/"
        try:
            async with self._transport.request("GET", url) as response:
                if response.status != 200:
                    raise as_error(await read_answer(response))
        except Unauthorized as error:
            raise Unauthorized(f'Get "{url}": {error.message}') from None

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def _fetch_from(
        self, path: str, digest: Digest, offset: int
    ) -> AsyncGenerator[bytes, None]:
        target = f"/v2/{path}/blobs/{digest}"
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        async with self._transport.request("GET", target, (pull_scope(path),), headers) as response:
            if response.status == 404:
                raise NotFound("unknown blob")
            if response.status not in (200, 206):
                raise as_error(await read_answer(response))
            skip = offset - _start_of(response, offset)
            try:
                async for data in response.content.iter_any():
                    piece, skip = data[skip:], max(skip - len(data), 0)
                    if piece:
                        yield piece
            except BROKEN as error:
                # without the address, as Docker tells of what breaks off in a body
                raise RegistryError(cause(error)) from error


def _start_of(response: aiohttp.ClientResponse, asked: int) -> int:
    """Return where in the blob the answer begins: at what was asked for, or before."""
    if response.status == 200:
        return 0
    unit, _, range = response.headers.get("Content-Range", "").partition(" ")
    first = range.partition("-")[0]
    if unit != "bytes" or not first.isdecimal() or int(first) > asked:
        raise RegistryError(
            f"the registry sent another part of a blob than bytes {asked} onward: {range!r}", 206
        )
    return int(first)
