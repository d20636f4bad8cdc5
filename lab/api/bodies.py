"""Request bodies in, JSON answers out."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

from aiohttp import web

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.fields import Json

MAX_JSON = 8 << 20
"""Bytes of a JSON body that are read."""

_CHUNK = 1 << 16


async def read_object(request: web.Request, optional: bool = False) -> Json:
    """Return the JSON object in the body.

    Raises InvalidParameter for another media type, malformed JSON, something else than an
    object, and an empty body (or `null`, by which clients say the same) unless it is `optional`.
    """
    content = await request.content.read(MAX_JSON + 1)
    while len(content) <= MAX_JSON and (more := await request.content.read(MAX_JSON + 1)):
        content += more
    if len(content) > MAX_JSON:
        raise InvalidParameter(f"request body is larger than {MAX_JSON} bytes")
    if optional and content.strip() in (b"", b"null"):
        return {}
    if not content.strip():
        raise InvalidParameter("invalid JSON: got EOF while reading request body")
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
    if media_type not in ("application/json", "text/json"):
        raise InvalidParameter(
            f'unsupported Content-Type header ({media_type}): must be "application/json"'
        )
    return fields.load_object(content, "request body")


def answer(value: Any, status: int = 200) -> web.Response:
    """Return `value` as a JSON answer."""
    return web.Response(
        status=status,
        body=json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n",
        content_type="application/json",
    )


def decode_header(request: web.Request, name: str) -> Json:
    """Return the JSON object in a base64 header such as X-Registry-Auth; empty if absent."""
    text = request.headers.get(name, "")
    if not text:
        return {}
    try:
        padded = text + "=" * (-len(text) % 4)
        content = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (ValueError, binascii.Error):
        raise InvalidParameter(f"invalid {name} header: not base64") from None
    return fields.load_object(content, f"{name} header")


@asynccontextmanager
async def body_file(request: web.Request) -> AsyncIterator[BinaryIO]:
    """Give the body as a file that another thread reads while it arrives."""
    reader, writer = os.pipe()
    pump = asyncio.create_task(_pump(request, writer))
    with open(reader, "rb", buffering=1 << 18) as file:
        try:
            yield file
        finally:
            # first of all: a thread that still reads sees an end, and the file can be closed
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)


async def _pump(request: web.Request, writer: int) -> None:
    loop = asyncio.get_running_loop()
    os.set_blocking(writer, False)
    try:
        async for data in request.content.iter_chunked(_CHUNK):
            view = memoryview(data)
            while view:
                try:
                    view = view[os.write(writer, view) :]
                except BlockingIOError:
                    await _writable(loop, writer)
                except BrokenPipeError:
                    # the reader has seen enough; the rest of the body is read and dropped
                    return
    finally:
        os.close(writer)


async def _writable(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    ready: asyncio.Future[None] = loop.create_future()

    def on_ready() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_writer(fd, on_ready)
    try:
        await ready
    finally:
        loop.remove_writer(fd)
