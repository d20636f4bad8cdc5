"""The Hub's web application: its table of routes, and what every request passes through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING

from aiohttp import web

from lab.registry import blobs, manifests, names
from lab.registry.access import Caller
from lab.registry.calls import Call, Handler
from lab.registry.errors import error_middleware, json_response
from lab.registry.names import Repository
from lab.registry.rights import Action

if TYPE_CHECKING:
    from lab.registry.hub import Hub


class Open(Enum):
    """What a route without a repository asks of its caller."""

    TO_ALL = "nothing"
    TO_KNOWN = "a token or a password"


async def version(call: Call) -> web.StreamResponse:
    """Tell that this is a registry, to whom has shown who he is: what `docker login` asks."""
    return json_response({})


async def token(call: Call) -> web.StreamResponse:
    """A bearer token for what the caller may do of the scopes that he names."""
    scopes = call.request.query.getall("scope", [])
    return json_response(await asyncio.to_thread(call.hub.access.grant, call.caller, scopes))


_BLOB = "/v2/{name:.+}/blobs/{digest:[^/]+}"
_UPLOADS = "/v2/{name:.+}/blobs/uploads/"
_UPLOAD = "/v2/{name:.+}/blobs/uploads/{upload:[^/]+}"
_MANIFEST = "/v2/{name:.+}/manifests/{reference:[^/]+}"

ROUTES: tuple[tuple[str, str, Handler, Action | Open], ...] = (
    # method, path, handler, what the caller must be allowed to do
    ("GET", "/v2/", version, Open.TO_KNOWN),
    ("GET", "/v2", version, Open.TO_KNOWN),
    ("GET", "/token", token, Open.TO_ALL),
    ("GET", "/v2/_catalog", manifests.list_repositories, Open.TO_ALL),
    ("GET", "/v2/{name:.+}/tags/list", manifests.list_tags, Action.PULL),
    ("GET", "/v2/{name:.+}/referrers/{digest:[^/]+}", manifests.list_referrers, Action.PULL),
    ("GET", _MANIFEST, manifests.get_manifest, Action.PULL),
    ("PUT", _MANIFEST, manifests.put_manifest, Action.PUSH),
    ("DELETE", _MANIFEST, manifests.delete_manifest, Action.DELETE),
    ("POST", _UPLOADS, blobs.start_upload, Action.PUSH),
    ("GET", _UPLOAD, blobs.upload_status, Action.PUSH),
    ("PATCH", _UPLOAD, blobs.append_chunk, Action.PUSH),
    ("PUT", _UPLOAD, blobs.finish_upload, Action.PUSH),
    ("DELETE", _UPLOAD, blobs.cancel_upload, Action.PUSH),
    ("GET", _BLOB, blobs.get_blob, Action.PULL),
    ("DELETE", _BLOB, blobs.delete_blob, Action.DELETE),
)


def make_app(hub: Hub) -> web.Application:
    """Return the application; a HEAD is answered wherever there is a GET."""
    app = web.Application(middlewares=[error_middleware])
    app.on_response_prepare.append(_mark_version)
    for method, path, handler, needed in ROUTES:
        admitted = _admit(hub, handler, needed)
        if method == "GET":
            app.router.add_get(path, admitted, allow_head=True)
        else:
            app.router.add_route(method, path, admitted)
    return app


def _admit(
    hub: Hub, handler: Handler, needed: Action | Open
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Wrap a handler: parse the name, identify the caller, and let in who may."""

    async def admitted(request: web.Request) -> web.StreamResponse:
        text = request.match_info.get("name")
        name = Repository("") if text is None else names.repository(text)
        caller = await asyncio.to_thread(_identify, hub, request, name, needed)
        return await handler(Call(hub, request, caller, name))

    return admitted


def _identify(hub: Hub, request: web.Request, name: Repository, needed: Action | Open) -> Caller:
    realm = f"{request.scheme}://{request.host}/token"
    caller = hub.access.identify(request.headers.get("Authorization", ""), realm)
    if isinstance(needed, Action):
        hub.access.require(caller, name, needed, realm, blobs.mount_origin(request))
    elif needed is Open.TO_KNOWN:
        hub.access.require_known(caller, realm)
    return caller


async def _mark_version(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
