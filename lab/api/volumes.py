"""Routes of volumes, which this engine does not have yet.  Source: Docker Engine API, Volume."""

from __future__ import annotations

from aiohttp import web

from lab.api.bodies import answer
from lab.errors import NotFound, Unsupported


async def list_volumes(request: web.Request) -> web.Response:
    return answer({"Volumes": [], "Warnings": None})


async def inspect(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    raise NotFound(f"get {name}: no such volume")


async def refuse(request: web.Request) -> web.Response:
    raise Unsupported("this engine does not have volumes yet")


ROUTES = [
    ("GET", "/volumes", list_volumes),
    ("GET", "/volumes/{name}", inspect),
    ("POST", "/volumes/create", refuse),
    ("DELETE", "/volumes/{name}", refuse),
]
