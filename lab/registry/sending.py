"""Sending a blob to a registry: begin an upload, send the bytes, name their digest.

Three requests, as Docker's engine makes them: POST, PATCH, PUT.
Source: OCI distribution-spec 1.1, "Pushing blobs".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import BinaryIO

import aiohttp
from yarl import URL

from lab.errors import RegistryError
from lab.oci.descriptor import Descriptor
from lab.registry.authorizer import Scopes, push_scope
from lab.registry.failures import as_error, read_answer, unreachable
from lab.registry.transport import Limits, Transport, parse_location

Progress = Callable[[int], None]
"""Told how many bytes of a blob have been sent; starts again at 0 when an attempt is repeated."""

_CHUNK = 256 * 1024


class Sender:
    """Sends blobs over one transport."""

    def __init__(self, transport: Transport, limits: Limits) -> None:
        self._transport = transport
        self._limits = limits

    async def send(
        self, path: str, descriptor: Descriptor, file: BinaryIO, progress: Progress
    ) -> None:
        """Send a blob to the repository `path` in one attempt; errors as the client's."""
        scopes = (push_scope(path),)
        session = await self._begin(path, scopes)
        session = await self._append(session, scopes, descriptor.size, file, progress)
        await self._finish(session, scopes, descriptor)

    async def _begin(self, path: str, scopes: Scopes) -> URL:
        async with self._transport.request(
            "POST", f"/v2/{path}/blobs/uploads/", scopes
        ) as response:
            if response.status != 202:
                raise as_error(await read_answer(response))
            return location(response)

    async def _append(
        self, session: URL, scopes: Scopes, size: int, file: BinaryIO, progress: Progress
    ) -> URL:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        try:
            async with asyncio.timeout(self._limits.stall) as guard:

                def body() -> AsyncGenerator[bytes, None]:
                    return self._pieces(file, progress, guard)

                async with self._transport.request(
                    "PATCH", session, scopes, headers, body
                ) as answer:
                    if answer.status // 100 != 2:
                        raise as_error(await read_answer(answer))
                    # one that names no place to go on goes on at the same one
                    return location(answer) if "Location" in answer.headers else session
        except TimeoutError as error:
            raise unreachable("PATCH", session, error) from error

    async def _finish(self, session: URL, scopes: Scopes, descriptor: Descriptor) -> None:
        joint = "&" if session.raw_query_string else "?"
        upload = URL(f"{session}{joint}digest={descriptor.digest}", encoded=True)
        try:
            async with (
                asyncio.timeout(self._limits.stall),
                self._transport.request("PUT", upload, scopes) as answer,
            ):
                if answer.status // 100 != 2:
                    raise as_error(await read_answer(answer))
        except TimeoutError as error:
            raise unreachable("PUT", upload, error) from error

    async def _pieces(
        self, file: BinaryIO, progress: Progress, guard: asyncio.Timeout
    ) -> AsyncGenerator[bytes, None]:
        """Yield a file's content; as long as it is taken, the time limit moves on."""
        sent = 0
        file.seek(0)
        while data := await asyncio.to_thread(file.read, _CHUNK):
            yield data
            sent += len(data)
            progress(sent)
            guard.reschedule(asyncio.get_running_loop().time() + self._limits.stall)


def location(response: aiohttp.ClientResponse) -> URL:
    """Return where an upload goes on; RegistryError if the registry did not say it well."""
    text = response.headers.get("Location", "")
    if not text:
        raise RegistryError("the registry began an upload without saying where", response.status)
    try:
        return response.url.join(parse_location(text))
    except aiohttp.InvalidURL as error:
        raise unreachable("POST", response.url, error) from error
