"""A registry that stands for the real Docker Hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import BasicAuth, web

from lab.oci.descriptor import OCI_MANIFEST
from lab.registry.endpoint import Endpoint

from .hub_parts import Packed


class FarHub:
    """Stands for the real Docker Hub: knows one manifest, and notes who came with what."""

    def __init__(self, image: Packed) -> None:
        self.image = image
        self.status = 200
        self.asked: list[tuple[str, str]] = []

    async def answer(self, request: web.Request) -> web.Response:
        proof = request.headers.get("Authorization", "")
        if request.path == "/v2/" and not proof:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="far"'})
        user = BasicAuth.decode(proof).login if proof else ""
        self.asked.append((request.path, user))
        if user == "refused":
            return web.Response(status=401)
        if request.path == "/v2/":
            return web.Response()
        if self.status != 200:
            return web.Response(status=self.status)
        if "/manifests/" in request.path and "known" in request.path:
            return web.Response(body=self.image.manifest, content_type=OCI_MANIFEST)
        return web.Response(status=404)


@asynccontextmanager
async def far_hub(
    image: Packed, open_to_all: bool = True
) -> AsyncIterator[tuple[FarHub, Endpoint]]:
    hub = FarHub(image)
    app = web.Application()

    async def handler(request: web.Request) -> web.Response:
        if open_to_all and request.path == "/v2/":
            hub.asked.append(("/v2/", ""))
            return web.Response()
        return await hub.answer(request)

    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield hub, Endpoint((f"http://127.0.0.1:{runner.addresses[0][1]}",))
    finally:
        await runner.cleanup()
