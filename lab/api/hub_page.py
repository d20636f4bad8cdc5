"""The route to the Hub's page for people.  Part of /lab/v1/; what it answers is HTML."""

from __future__ import annotations

from aiohttp import web

from lab.api.keys import ENGINE


async def show(request: web.Request) -> web.StreamResponse:
    return await request.app[ENGINE].hub.site.answer(request, request.match_info["path"])


ROUTES = [(method, "/lab/v1/hub/{path:.*}", show) for method in ("GET", "POST")]
