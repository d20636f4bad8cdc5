"""From errors to HTTP: the one table of statuses, and the one place that writes `{"message": ...}`."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Awaitable, Callable

from aiohttp import web

from lab import errors

STATUS: dict[type[Exception], int] = {
    errors.NotModified: 304,
    errors.InvalidParameter: 400,
    errors.StartError: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unsupported: 501,
    errors.RegistryError: 500,
    errors.Unavailable: 503,
    errors.LabError: 500,
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger(__name__)


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error: that of the nearest class in the table."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def describe(error: Exception) -> str:
    """Return what the client is told: the message, and the hint if there is one."""
    if isinstance(error, errors.LabError):
        return f"{error.message} ({error.hint})" if error.hint else error.message
    if isinstance(error, sqlite3.Error):
        return f"the engine's records cannot be read or written: {error}"
    if isinstance(error, OSError):
        return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    return f"{type(error).__name__}: {error}"


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into Docker's answer."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status in (404, 405):
            return failure(404, "page not found")
        return failure(error.status, error.text or error.reason)
    except errors.NotModified:
        return web.Response(status=304)
    except Exception as error:
        status = status_of(error)
        if not isinstance(error, (errors.LabError, OSError)):
            _log.exception("%s %s", request.method, request.path)
        return failure(status, describe(error))


def failure(status: int, message: str) -> web.Response:
    """Return an answer that says what went wrong."""
    return web.Response(
        status=status,
        body=json.dumps({"message": message}, ensure_ascii=False).encode() + b"\n",
        content_type="application/json",
    )
