"""The web application of the engine: every route of every resource, with and without version."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from lab.api import (
    accounts,
    archives,
    attach,
    attach_ws,
    builds,
    commits,
    containers,
    disk_usage,
    elsewhere,
    errors,
    execs,
    files,
    hub_page,
    images,
    lab,
    lab_builds,
    lab_places,
    lab_registry,
    lab_trace,
    networks,
    running,
    system,
    volumes,
)
from lab.api.keys import ENGINE
from lab.api.versions import API_VERSION, MIN_API_VERSION, check_version, common_headers
from lab.engine.core import Engine

Route = tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]

_RESOURCES: tuple[Sequence[Route], ...] = (
    system.ROUTES,
    containers.ROUTES,
    files.ROUTES,
    disk_usage.ROUTES,
    attach.ROUTES,
    attach_ws.ROUTES,
    execs.ROUTES,
    running.ROUTES,
    commits.ROUTES,
    archives.ROUTES,
    images.ROUTES,
    builds.ROUTES,
    networks.ROUTES,
    volumes.ROUTES,
    elsewhere.ROUTES,
)

DOCKER: Sequence[Route] = tuple(route for routes in _RESOURCES for route in routes)
"""Routes of Docker's API, without the version before them."""

EXTENSION: Sequence[Route] = (
    *lab.ROUTES,
    *lab_builds.ROUTES,
    *lab_places.ROUTES,
    *lab_registry.ROUTES,
    *lab_trace.ROUTES,
)
"""Routes of /lab/v1/, which have no version of Docker's API before them."""


def make_app(engine: Engine) -> web.Application:
    """Return the application that serves `engine`."""
    app = web.Application(
        middlewares=[lab_trace.trace_requests, errors.error_middleware, check_version]
    )
    app[ENGINE] = engine
    for method, path, handler in DOCKER:
        app.router.add_route(method, path, handler)
        app.router.add_route(method, r"/v{version:[0-9][0-9.]*}" + path, handler)
    for method, path, handler in (*EXTENSION, *accounts.ROUTES, *hub_page.ROUTES):
        app.router.add_route(method, path, handler)
    app.on_response_prepare.append(common_headers)
    return app


__all__ = ["API_VERSION", "DOCKER", "ENGINE", "MIN_API_VERSION", "make_app"]
