"""Routes of what this engine does not have at all: swarms, and Docker's managed plugins.

A node without a swarm says so to all that concerns one, as Docker does; what would make one, or
install a plugin, is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from lab.api.bodies import answer
from lab.errors import NotFound, Unavailable, Unsupported

_NOT_A_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)
_SWARM = ("services", "nodes", "tasks", "secrets", "configs")
_METHODS = ("GET", "POST", "DELETE")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _not_a_manager(request: web.Request) -> web.StreamResponse:
    raise Unavailable(_NOT_A_MANAGER)


async def _not_in_a_swarm(request: web.Request) -> web.StreamResponse:
    raise Unavailable("This node is not part of a swarm")


def _refuse(what: str) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise Unsupported(f"this engine does not have {what}")

    return refuse


async def _list_plugins(request: web.Request) -> web.StreamResponse:
    return answer([])


async def _no_plugin(request: web.Request) -> web.StreamResponse:
    raise NotFound(f'plugin "{request.match_info["name"]}" not found')


_no_swarms = _refuse("swarm mode: it is one node; run containers with docker run or Compose")
_no_plugins = _refuse("managed plugins; its volume and network drivers are built in")

ROUTES = [
    ("POST", "/swarm/init", _no_swarms),
    ("POST", "/swarm/join", _no_swarms),
    ("POST", "/swarm/leave", _not_in_a_swarm),
    ("GET", "/swarm", _not_a_manager),
    ("GET", "/swarm/unlockkey", _not_a_manager),
    ("POST", "/swarm/update", _not_a_manager),
    ("POST", "/swarm/unlock", _not_in_a_swarm),
    *((method, f"/{name}", _not_a_manager) for name in _SWARM for method in ("GET",)),
    *((method, f"/{name}/{{rest:.+}}", _not_a_manager) for name in _SWARM for method in _METHODS),
    ("GET", "/plugins", _list_plugins),
    ("GET", "/plugins/privileges", _no_plugins),
    ("POST", "/plugins/pull", _no_plugins),
    ("POST", "/plugins/create", _no_plugins),
    ("GET", "/plugins/{name:.+}/json", _no_plugin),
    *(
        ("POST", f"/plugins/{{name:.+}}/{action}", _no_plugin)
        for action in ("enable", "disable", "upgrade", "push", "set")
    ),
    ("DELETE", "/plugins/{name:.+}", _no_plugin),
]
