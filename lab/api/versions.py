"""Versions of the API: which one is reported, which ones are accepted, and headers of every answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from lab.errors import InvalidParameter

API_VERSION = "1.47"
MIN_API_VERSION = "1.24"
ENGINE_VERSION = "27.3.1+lab"
"""The Docker Engine whose API and rules this one follows; clients compare it with their own."""


@web.middleware
async def check_version(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse versions of the API that this engine does not speak, in Docker's words."""
    version = request.match_info.get("version")
    if version is not None:
        wanted = _parse(version)
        if wanted < _parse(MIN_API_VERSION):
            raise InvalidParameter(
                f"client version {version} is too old. Minimum supported API version is "
                f"{MIN_API_VERSION}, please upgrade your client to a newer version"
            )
        if wanted > _parse(API_VERSION):
            raise InvalidParameter(
                f"client version {version} is too new. Maximum supported API version is {API_VERSION}"
            )
    return await handler(request)


def version_of(request: web.Request) -> tuple[int, ...]:
    """Return the version of the API that a request is made in; the newest if it names none."""
    return _parse(request.match_info.get("version", API_VERSION))


async def common_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add what every client looks for."""
    response.headers["Api-Version"] = API_VERSION
    response.headers["Docker-Experimental"] = "false"
    response.headers["Ostype"] = "linux"
    response.headers["Server"] = f"Docker/{ENGINE_VERSION} (linux)"


def _parse(version: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        raise InvalidParameter(f"invalid API version: {version}") from None
