"""Handlers for blobs, and for the uploads that become blobs.

Source: distribution-spec 1.1, "Pulling blobs", "Pushing blobs", "Deleting Blobs".
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from lab.errors import DigestMismatch
from lab.oci.digest import Digest
from lab.registry import names
from lab.registry.calls import Call
from lab.registry.errors import Code, Refused
from lab.registry.rights import Action
from lab.registry.uploads import ChunkRange, Upload


async def get_blob(call: Call) -> web.StreamResponse:
    """The blob, or the part of it that a Range header asks for."""
    digest = call.digest
    path = await asyncio.to_thread(call.hub.source(call.name).blob, call.name, digest)
    headers = {
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": str(digest),
        "Cache-Control": "max-age=31536000",
    }
    return web.FileResponse(path, headers=headers)


async def delete_blob(call: Call) -> web.StreamResponse:
    await asyncio.to_thread(call.hub.storage.delete_blob, call.name, call.digest)
    return web.Response(status=202)


async def start_upload(call: Call) -> web.StreamResponse:
    """Begin an upload; or do all at once, if the blob can be mounted or is in the body."""
    if call.query("mount") and await _mount(call, names.digest(call.query("mount"))):
        return _created(call, names.digest(call.query("mount")))
    whole = names.digest(call.query("digest")) if call.query("digest") else None
    algorithm = whole.algorithm if whole else call.query("digest-algorithm") or "sha256"
    if algorithm not in ("sha256", "sha512"):
        raise Refused(Code.DIGEST_INVALID, f"unsupported digest algorithm: {algorithm}")
    upload = await asyncio.to_thread(call.hub.uploads.start, call.name, algorithm)
    if whole is None:
        return _status(upload, 202)
    with upload.claimed():
        try:
            await _receive(call, upload)
            await _finish(call, upload, whole)
        finally:
            call.hub.uploads.end(upload)  # nobody knows its address to go on
    return _created(call, whole)


async def upload_status(call: Call) -> web.StreamResponse:
    """How much has arrived, so that a client can go on after a broken connection."""
    return _status(_upload(call), 204)


async def append_chunk(call: Call) -> web.StreamResponse:
    upload = _upload(call)
    with upload.claimed():
        await _receive(call, upload)
    return _status(upload, 202)


async def finish_upload(call: Call) -> web.StreamResponse:
    """Take the last bytes, if any, and make the upload a blob if its digest is as promised."""
    digest = names.digest(call.query("digest"))
    upload = _upload(call)
    with upload.claimed():
        await _receive(call, upload)
        try:
            await _finish(call, upload, digest)
        finally:
            call.hub.uploads.end(upload)
    return _created(call, digest)


async def cancel_upload(call: Call) -> web.StreamResponse:
    upload = _upload(call)
    with upload.claimed():
        call.hub.uploads.end(upload)
    return web.Response(status=204)


def _upload(call: Call) -> Upload:
    return call.hub.uploads.get(call.name, call.request.match_info["upload"])


def mount_origin(request: web.Request) -> names.Repository | None:
    """Return the repository that a blob is to be mounted from, if that is what is asked."""
    if not (request.query.get("mount") and request.query.get("from")):
        return None
    return names.repository(request.query["from"])


async def _mount(call: Call, digest: Digest) -> bool:
    """Share a blob of the repository `from`; False if it is not there for this caller."""
    origin = mount_origin(call.request)
    return origin is not None and await asyncio.to_thread(_mount_from, call, origin, digest)


def _mount_from(call: Call, origin: names.Repository, digest: Digest) -> bool:
    if not call.hub.access.may(call.caller, origin, Action.PULL):
        return False
    try:
        content = call.hub.source(origin).blob(origin, digest)
        call.hub.storage.mount_blob(call.name, digest, content)
    except (Refused, DigestMismatch, FileNotFoundError):
        return False
    return True


async def _receive(call: Call, upload: Upload) -> None:
    """Append the request's body to the upload.

    If the connection breaks, what has arrived stays; if the disk is full, the upload is given
    up, so that its space is free again.
    """
    announced = call.request.headers.get("Content-Range")
    range = None if announced is None else ChunkRange.parse(announced)
    if range is not None:
        upload.expect(range, call.request.content_length)
    try:
        async for batch in call.batches():
            await asyncio.to_thread(upload.append, batch)
    except ConnectionError:
        raise
    except OSError:
        call.hub.uploads.end(upload)
        raise
    if range is not None and upload.offset != range.last + 1:
        call.hub.uploads.end(upload)
        raise Refused(Code.SIZE_INVALID, detail={"received": upload.offset - range.first})


async def _finish(call: Call, upload: Upload, digest: Digest) -> None:
    await asyncio.to_thread(upload.verify, digest)
    await asyncio.to_thread(call.hub.storage.adopt_upload, call.name, digest, upload.path)


def _created(call: Call, digest: Digest) -> web.Response:
    headers = {
        "Location": f"/v2/{call.name}/blobs/{digest}",
        "Docker-Content-Digest": str(digest),
    }
    return web.Response(status=201, headers=headers)


def _status(upload: Upload, status: int) -> web.Response:
    headers = {
        "Location": f"/v2/{upload.repository}/blobs/uploads/{upload.id}",
        "Range": f"0-{max(upload.offset - 1, 0)}",
        "Docker-Upload-UUID": upload.id,
    }
    return web.Response(status=status, headers=headers)
