"""The route of the extension that tells what is on the lab's Hub, for everybody to pull."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from lab.api.bodies import answer
from lab.api.keys import ENGINE
from lab.api.params import number
from lab.engine.machine import own_platform
from lab.errors import InvalidParameter

_LISTED = 100
_MOST = 500


async def list_repositories(request: web.Request) -> web.Response:
    limit = number(request, "limit", _LISTED) or 0
    if not 0 < limit <= _MOST:
        raise InvalidParameter(f"limit must be from 1 to {_MOST}")
    hub, here = request.app[ENGINE].hub, own_platform()
    found, truncated = await asyncio.to_thread(hub.public, here.architecture, limit)
    return answer({"Repositories": [_repository(each) for each in found], "Truncated": truncated})


def _repository(listed: Any) -> dict[str, Any]:
    return {
        "Name": listed.name,
        "Official": listed.official,
        "Images": [_image(each) for each in listed.images],
        "Truncated": listed.truncated,
    }


def _image(listed: Any) -> dict[str, Any]:
    return {
        "Digest": listed.digest,
        "MediaType": listed.media_type,
        "Tags": list(listed.tags),
        "ImageId": listed.image_id,
        "Layers": [
            {"Digest": layer.digest, "DiffId": layer.diff_id, "Size": layer.size}
            for layer in listed.layers
        ],
    }


ROUTES = [("GET", "/lab/v1/repositories", list_repositories)]
