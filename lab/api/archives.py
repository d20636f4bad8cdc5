"""Routes of images as archives.  Source: Docker Engine API, ImageGet, ImageGetAll, ImageLoad."""

from __future__ import annotations

import asyncio

from aiohttp import web

from lab.api.bodies import body_file
from lab.api.errors import describe
from lab.api.jobs import run_job
from lab.api.keys import ENGINE
from lab.api.params import flag
from lab.api.streams import send_pieces
from lab.engine.progress import Emit, error_message
from lab.errors import InvalidParameter, LabError


async def save(request: web.Request) -> web.StreamResponse:
    saver = request.app[ENGINE].saver
    names = [request.match_info["name"]] if "name" in request.match_info else []
    names += [name for text in request.query.getall("names", []) for name in text.split(",")]
    if not names:
        raise InvalidParameter("no image names were given")
    chosen = await asyncio.to_thread(saver.choose, names)
    return await send_pieces(request, saver.pieces(chosen), "application/x-tar")


async def load(request: web.Request) -> web.StreamResponse:
    loader = request.app[ENGINE].loader
    quiet = flag(request, "quiet")

    async def job(emit: Emit) -> None:
        try:
            async with body_file(request) as file:
                await asyncio.to_thread(loader.run, file, emit, quiet)
        except (LabError, OSError) as error:
            # Docker's answer has always begun by then
            emit(error_message(error, describe(error)))

    return await run_job(request, job)


ROUTES = [
    ("GET", "/images/get", save),
    ("GET", "/images/{name:.+}/get", save),
    ("POST", "/images/load", load),
]
