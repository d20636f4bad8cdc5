"""Routes of the lab's own extension: what Docker's API does not tell.  They are not versioned with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from lab import __version__
from lab.api.bodies import answer
from lab.api.lab_streams import send_each
from lab.api.params import number
from lab.api.system import ENGINE
from lab.engine.changed_files import ChangedFile
from lab.engine.explore import Explorer, LayerStep, WritableLayer
from lab.engine.layer_content import Content, ContentChange

_FILES_LISTED = 500
_WRITTEN_LISTED = 1000
_CHANGED, _DELETED = 0, 2
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
    return await send_each(request, _told(request.app[ENGINE].explore, request.match_info["id"]))


async def _told(explore: Explorer, text: str) -> AsyncGenerator[dict[str, Any] | None, None]:
    async for state in explore.follow(text):
        yield None if state is None else {**_written(state), "Written": _since(state)}


async def show_layer_content(request: web.Request) -> web.Response:
    chain, path = request.match_info["chain_id"], request.query.get("path", "")
    return answer(_content_change(await request.app[ENGINE].explore.content(chain, path)))


async def show_own_content(request: web.Request) -> web.Response:
    text, path = request.match_info["id"], request.query.get("path", "")
    return answer(_content_change(await request.app[ENGINE].explore.own_content(text, path)))


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


def _since(state: WritableLayer) -> list[dict[str, Any]] | None:
    """Return what was written since the state before: each path with what it is now."""
    if state.written is None:
        return None
    kinds = {file.path: int(file.change) for file in state.files.files}
    there = state.marks.times or {}
    return [
        {"Path": path, "Kind": kinds.get(path, _CHANGED if path in there else _DELETED)}
        for path in state.written[:_WRITTEN_LISTED]
    ]


def _content_change(change: ContentChange) -> dict[str, Any]:
    return {
        "Path": change.path,
        "Before": _content(change.before),
        "After": _content(change.after),
    }


def _content(content: Content | None) -> dict[str, Any] | None:
    if content is None:
        return None
    return {
        "Kind": content.kind,
        "Size": content.size,
        "Mode": content.mode,
        "Text": content.text,
        "Truncated": content.truncated,
    }


ROUTES = [
    ("GET", "/lab/v1/version", show_version),
    ("GET", "/lab/v1/images/{name:.*}/layers", show_layers),
    ("GET", "/lab/v1/layers/{chain_id}/files", show_files),
    ("GET", "/lab/v1/layers/{chain_id}/content", show_layer_content),
    ("GET", "/lab/v1/containers/{id}/changes", show_changes),
    ("GET", "/lab/v1/containers/{id}/changes/stream", stream_changes),
    ("GET", "/lab/v1/containers/{id}/content", show_own_content),
]
