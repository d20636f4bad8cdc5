"""Registries that break, lie, dawdle or point elsewhere, as a test wants them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from lab.oci.digest import Digest
from lab.oci.reference import Reference
from lab.registry.client import RegistryClient
from lab.registry.endpoint import Credentials

from .helpers import blob, make_image

ALICE = Credentials("alice", "sesame")
CONTENT = bytes(range(256)) * 4096
HALF = len(CONTENT) // 2
IMAGE = make_image(b"layer")
PATH = "team/app"
BLOB_PATH = f"/v2/{PATH}/blobs/{Digest.of(CONTENT)}"
UPLOADS = f"/v2/{PATH}/blobs/uploads/"
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StandIn:
    """A registry whose every answer the test decides; it remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Handle] = {}
        self.seen: list[web.Request] = []
        self.on("GET", "/v2/", plain(200))

    def on(self, method: str, path: str, handle: Handle) -> None:
        self.answers[method, path] = handle

    def asked(self, path: str) -> list[Mapping[str, str]]:
        return [request.headers for request in self.seen if request.path == path]

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        return await self.answers.get((request.method, request.path), plain(404))(request)


def plain(status: int, body: bytes = b"", **headers: str) -> Handle:
    names = {name.replace("_", "-"): value for name, value in headers.items()}

    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=names)

    return handle


def in_turn(*handles: Handle) -> Handle:
    """Answer as each of these in turn; the last one stays."""
    waiting = list(handles)

    async def handle(request: web.Request) -> web.StreamResponse:
        return await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(request)

    return handle


async def break_off(request: web.Request) -> web.StreamResponse:
    """Promise the whole content from where it was asked for, and die after half of it."""
    first = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
    response = web.StreamResponse(status=206 if first else 200)
    response.content_length = len(CONTENT) - first
    response.headers["Content-Range"] = f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"
    await response.prepare(request)
    await response.write(CONTENT[first : first + (len(CONTENT) - first) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def rest(request: web.Request) -> web.StreamResponse:
    """Answer a Range request as it should be."""
    first = int(request.headers["Range"].removeprefix("bytes=").rstrip("-"))
    headers = {"Content-Range": f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"}
    return web.Response(status=206, body=CONTENT[first:], headers=headers)


async def dawdle(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    raise AssertionError("the client waited")


async def take(request: web.Request) -> web.StreamResponse:
    """Accept an upload if all of it comes."""
    assert await request.read() == CONTENT
    return web.Response(status=202, headers={"Location": f"{request.path}?state=taken"})


def taking(stand_in: StandIn, take_bytes: Handle, path: str = "/session") -> None:
    """Let the registry begin uploads, have `take_bytes` take them, and accept what was taken."""
    stand_in.on("POST", UPLOADS, plain(202, Location=path))
    stand_in.on("PATCH", path, take_bytes)
    stand_in.on("PUT", path, plain(201))


async def fetch(client: RegistryClient) -> bytes:
    return b"".join([piece async for piece in client.fetch(PATH, blob(CONTENT))])


async def push(client: RegistryClient) -> None:
    await client.push_blob(PATH, blob(CONTENT), lambda: io.BytesIO(CONTENT))


def resolve(name: str = f"{PATH}:1") -> Callable[[RegistryClient], Awaitable[Any]]:
    return lambda client: client.resolve(Reference.parse(name))
