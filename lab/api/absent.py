"""Routes of what Docker can do and this engine cannot yet: answered by the command's name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from lab.errors import Unsupported

_ABSENT = [
    ("POST", "/containers/prune", "container prune"),
    ("GET", "/system/df", "system df"),
]


def _refuse(command: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def refuse(request: web.Request) -> web.Response:
        raise Unsupported(f"this engine does not support docker {command} yet")

    return refuse


ROUTES = [
    *((method, path, _refuse(command)) for method, path, command in _ABSENT),
]
