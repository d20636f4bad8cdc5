"""Endless answers of the extension: one JSON object a line, made only as fast as they are read."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from aiohttp import web

from lab.api.jobs import is_gone


async def send_each(
    request: web.Request, items: AsyncGenerator[dict[str, Any] | None, None]
) -> web.StreamResponse:
    """Send what `items` yields until it ends or the client goes; None is nothing to be sent.

    An error before the first item is raised, so that it becomes an HTTP status.  While the client
    does not read, nothing more is asked of `items`.
    """
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    async with aclosing(items):
        item = await anext(items, None)
        await response.prepare(request)
        if item is not None:
            await response.write(_line(item))
        async for item in items:
            if is_gone(request):
                return response
            if item is not None:
                await response.write(_line(item))
    await response.write_eof()
    return response


def _line(item: dict[str, Any]) -> bytes:
    text = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    # half of a surrogate pair, from a file's name, must not end the answer
    return text.encode(errors="replace") + b"\n"
