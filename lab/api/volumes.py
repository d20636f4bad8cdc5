"""Routes of volumes.  Source: Docker Engine API, Volume."""

from __future__ import annotations

from aiohttp import web

from lab.api.bodies import answer, read_object
from lab.api.keys import ENGINE
from lab.api.params import Filters, flag
from lab.api.versions import version_of
from lab.engine.volume_list import LIST_FILTERS, PRUNE_FILTERS, prune, select, shown
from lab.engine.volumes import Volume, Volumes
from lab.errors import NotFound, Unavailable
from lab.oci import fields
from lab.oci.fields import Json


def _volumes(request: web.Request) -> Volumes:
    return request.app[ENGINE].volumes


def _shown(request: web.Request, volume: Volume) -> Json:
    return shown(volume, _volumes(request).path(volume.name))


async def list_volumes(request: web.Request) -> web.Response:
    found = select(_volumes(request), Filters.of(request, LIST_FILTERS).values)
    return answer({"Volumes": [_shown(request, each) for each in found], "Warnings": None})


async def inspect(request: web.Request) -> web.Response:
    return answer(_shown(request, _volumes(request).get(request.match_info["name"])))


async def create(request: web.Request) -> web.Response:
    body = await read_object(request)
    if body.get("ClusterVolumeSpec"):
        raise Unavailable("cluster volumes need a swarm, which this engine is without")
    made = _volumes(request).create(
        fields.text(body, "Name"),
        fields.text(body, "Driver"),
        _map(body, "DriverOpts"),
        _map(body, "Labels"),
    )
    return answer(_shown(request, made), status=201)


async def remove(request: web.Request) -> web.Response:
    try:
        _volumes(request).remove(request.match_info["name"])
    except NotFound:
        if not flag(request, "force"):
            raise
    return web.Response(status=204)


async def remove_unused(request: web.Request) -> web.Response:
    filters = dict(Filters.of(request, PRUNE_FILTERS).values)
    if version_of(request) < (1, 42):
        # older clients mean all volumes, not only those without a name
        filters["all"] = ("true",)
    pruned = await prune(_volumes(request), filters)
    return answer({"VolumesDeleted": list(pruned.names), "SpaceReclaimed": pruned.reclaimed})


def _map(body: Json, key: str) -> dict[str, str] | None:
    """Return a map as the client gave it: none stays none."""
    return None if body.get(key) is None else fields.text_map(body, key)


ROUTES = [
    ("GET", "/volumes", list_volumes),
    ("POST", "/volumes/create", create),
    ("POST", "/volumes/prune", remove_unused),
    ("GET", "/volumes/{name}", inspect),
    ("DELETE", "/volumes/{name}", remove),
]
