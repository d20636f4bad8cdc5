"""Routes of what lies on the disk, and of what is to be removed from it by the heap.

Source: Docker Engine API, SystemDataUsage, ContainerPrune.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web

from lab.api import image_shapes, shapes
from lab.api.bodies import answer
from lab.api.keys import ENGINE
from lab.api.params import Filters
from lab.api.versions import version_of
from lab.engine.container_prune import PRUNE_FILTERS, prune
from lab.engine.core import Engine
from lab.engine.image_list import ImageQuery
from lab.engine.listing import shown_image
from lab.engine.volume_list import shown
from lab.engine.volume_list import size as size_of_volume
from lab.errors import InvalidParameter, NotFound
from lab.oci.fields import Json

_KINDS = ("build-cache", "container", "image", "volume")


async def show(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    kinds = request.query.getall("type", []) or list(_KINDS)
    for kind in kinds:
        if kind not in _KINDS:
            raise InvalidParameter(f"unknown object type: {kind}")
    usage: Json = {
        "LayersSize": 0,
        "Images": None,
        "Containers": None,
        "Volumes": None,
        # the classic builder keeps its cache as images
        "BuildCache": [] if "build-cache" in kinds else None,
    }
    version = version_of(request)
    if version < (1, 42):
        usage["BuilderSize"] = 0
    if "image" in kinds:
        usage["LayersSize"] = await asyncio.to_thread(engine.layers.total)
        usage["Images"] = _images(engine, version)
    if "container" in kinds:
        usage["Containers"] = await _containers(engine)
    if "volume" in kinds:
        usage["Volumes"] = await _volumes(engine)
    return answer(usage)


def _images(engine: Engine, version: tuple[int, ...]) -> list[Json]:
    rows = engine.images.select(ImageQuery(shared_size=True))
    counted = []
    for row in rows:
        shape = image_shapes.summary(row, version)
        shape["Containers"] = len(engine.containers.using(str(row.image.id)))
        counted.append(shape)
    return counted


async def _containers(engine: Engine) -> list[Json]:
    rows = []
    for each in engine.containers.all():
        # some may be removed while others are measured
        with suppress(NotFound, FileNotFoundError):
            rows.append(await _container(engine, each.id))
    return rows


async def _container(engine: Engine, container_id: str) -> Json:
    container = engine.containers.get(container_id)
    image = shown_image(engine.store, container.record.image_name, container.image_id)
    return shapes.summary(container, image, await engine.sizes(container))


async def _volumes(engine: Engine) -> list[Json]:
    """Return the volumes whose data lie in the engine's own folder."""
    rows = []
    for volume in engine.volumes.all():
        if volume.is_plain:
            users = len(engine.volumes.users(volume.name))
            with suppress(NotFound, FileNotFoundError):
                size = await size_of_volume(engine.volumes, volume)
                shape = shown(volume, engine.volumes.path(volume.name))
                rows.append({**shape, "UsageData": {"Size": size, "RefCount": users}})
    return rows


async def prune_containers(request: web.Request) -> web.Response:
    engine, filters = request.app[ENGINE], Filters.of(request, PRUNE_FILTERS).values
    pruned = await prune(
        engine.containers, engine.lifecycle, engine.snapshots, engine.journal, filters
    )
    found = list(pruned.ids) or None
    return answer({"ContainersDeleted": found, "SpaceReclaimed": pruned.reclaimed})


ROUTES = [
    ("GET", "/system/df", show),
    ("POST", "/containers/prune", prune_containers),
]
