"""Routes of containers' files: `docker cp`.  Source: Docker Engine API, ContainerArchive."""

from __future__ import annotations

import base64
import json
import stat

from aiohttp import web

from lab.api.attach import container_of
from lab.api.bodies import body_file
from lab.api.keys import ENGINE
from lab.api.params import flag
from lab.engine.inside import PathStat
from lab.engine.moments import rfc3339
from lab.errors import InvalidParameter

_STAT_HEADER = "X-Docker-Container-Path-Stat"
_KINDS = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
}
_BITS = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}
"""How Go numbers what the mode of a file says besides its permissions."""


def _path(request: web.Request) -> str:
    path = request.query.get("path", "")
    if not path:
        raise InvalidParameter("bad parameter: 'path' cannot be empty")
    return path


def _header(status: PathStat) -> dict[str, str]:
    mode = status.mode & 0o777 | _KINDS.get(stat.S_IFMT(status.mode), 0)
    mode |= sum(number for bit, number in _BITS.items() if status.mode & bit)
    shape = {
        "name": status.name,
        "size": status.size,
        "mode": mode,
        "mtime": rfc3339(status.mtime_ns),
        "linkTarget": status.target,
    }
    text = json.dumps(shape, ensure_ascii=False, separators=(",", ":"))
    return {_STAT_HEADER: base64.b64encode(text.encode(errors="replace")).decode()}


async def show(request: web.Request) -> web.Response:
    container, path = container_of(request), _path(request)
    status = await request.app[ENGINE].files.stat(container, request.match_info["id"], path)
    return web.Response(headers=_header(status))


async def read(request: web.Request) -> web.StreamResponse:
    files, container, path = request.app[ENGINE].files, container_of(request), _path(request)
    async with files.archive(container, request.match_info["id"], path) as (status, pieces):
        headers = {"Content-Type": "application/x-tar", **_header(status)}
        response = web.StreamResponse(headers=headers)
        # what stands against the first piece becomes a status; later it breaks the connection
        piece = await files.run(next, pieces, None)
        await response.prepare(request)
        while piece is not None:
            await response.write(piece)
            piece = await files.run(next, pieces, None)
        await response.write_eof()
    return response


async def write(request: web.Request) -> web.Response:
    files, container, path = request.app[ENGINE].files, container_of(request), _path(request)
    async with body_file(request) as body:
        await files.extract(
            container,
            request.match_info["id"],
            path,
            body,
            keep=flag(request, "noOverwriteDirNonDir"),
            own=flag(request, "copyUIDGID"),
        )
    return web.Response()


ROUTES = [
    ("HEAD", "/containers/{id}/archive", show),
    ("GET", "/containers/{id}/archive", read),
    ("PUT", "/containers/{id}/archive", write),
]
