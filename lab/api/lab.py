"""Routes of the lab's own extension: what Docker's API does not tell.  They are not versioned with it."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from aiohttp import web

from lab import __version__
from lab.api.bodies import answer
from lab.api.params import number
from lab.api.streams import JsonStream
from lab.api.system import ENGINE
from lab.engine.changed_files import ChangedFile
from lab.engine.explore import LayerStep, WritableLayer

_FILES_LISTED = 500
_WORDS = ("changed", "added", "deleted")
"""By the numbers of the API: what `docker diff` shows as C, A and D."""


async def show_version(request: web.Request) -> web.Response:
    return answer({"Extension": "1", "Version": __version__})


async def show_layers(request: web.Request) -> web.Response:
    image = await request.app[ENGINE].explore.layers(request.match_info["name"])
    layers = [_step(step) for step in image.steps]
    return answer({"Id": image.id, "Names": list(image.names), "Layers": layers})


async def show_files(request: web.Request) -> web.Response:
    chain = request.match_info["chain_id"]
    path = request.query.get("path") or "/"
    limit = number(request, "limit", _FILES_LISTED)
    found = await request.app[ENGINE].explore.files(chain, path, limit or 0)
    return answer(
        {
            "ChainId": chain,
            "Path": path,
            "Entries": [_entry(file) for file in found.files],
            "Total": found.total,
            "Truncated": found.truncated,
        }
    )


async def show_changes(request: web.Request) -> web.Response:
    return answer(_written(await request.app[ENGINE].explore.written(request.match_info["id"])))


async def stream_changes(request: web.Request) -> web.StreamResponse:
    states = request.app[ENGINE].explore.follow(request.match_info["id"])
    async with aclosing(states), JsonStream(request) as output:
        async for state in states:
            if request.transport is None or output.gone:
                break
            if state is not None:
                output.send(_written(state))
    return output.response


def _step(step: LayerStep) -> dict[str, Any]:
    told = {"Created": step.created, "CreatedBy": step.created_by, "Empty": step.number == 0}
    if step.number == 0:
        return told
    return {
        **told,
        "Number": step.number,
        "DiffId": step.diff_id,
        "ChainId": step.chain_id,
        "Digest": step.digest,
        "Size": step.size,
        "SharedWith": list(step.shared_with),
    }


def _entry(file: ChangedFile) -> dict[str, Any]:
    return {
        "Path": file.path,
        "Kind": file.kind,
        "Change": _WORDS[file.change],
        "Size": file.size,
        "Mode": file.mode,
    }


def _written(state: WritableLayer) -> dict[str, Any]:
    return {
        "Id": state.id,
        "Image": state.image,
        "ChainId": state.chain_id,
        "Size": state.files.size,
        "Changes": [
            {"Path": file.path, "Kind": int(file.change), "Size": file.size}
            for file in state.files.files
        ],
        "Truncated": state.files.truncated,
    }


ROUTES = [
    ("GET", "/lab/v1/version", show_version),
    ("GET", "/lab/v1/images/{name:.*}/layers", show_layers),
    ("GET", "/lab/v1/layers/{chain_id}/files", show_files),
    ("GET", "/lab/v1/containers/{id}/changes", show_changes),
    ("GET", "/lab/v1/containers/{id}/changes/stream", stream_changes),
]
