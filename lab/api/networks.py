"""Routes of networks.  Source: Docker Engine API, Network."""

from __future__ import annotations

from aiohttp import web

from lab.api.bodies import answer
from lab.api.keys import ENGINE
from lab.engine.containers import Container
from lab.engine.networks import Network
from lab.errors import Unsupported
from lab.oci.fields import Json


async def list_networks(request: web.Request) -> web.Response:
    return answer([_shape(network, []) for network in request.app[ENGINE].networks.all()])


async def inspect(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    network = engine.networks.get(request.match_info["id"])
    members = [
        each
        for each in engine.containers.all()
        if each.record.state.is_running and each.settings.network == network.name
    ]
    return answer(_shape(network, members))


async def refuse(request: web.Request) -> web.Response:
    raise Unsupported("this engine does not have networks of one's own yet")


def _shape(network: Network, members: list[Container]) -> Json:
    pool = network.pool
    config = [{"Subnet": str(pool.subnet), "Gateway": str(pool.gateway)}] if pool else []
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": network.created,
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": config},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {each.id: _member(each) for each in members},
        "Options": {},
        "Labels": {},
    }


def _member(container: Container) -> Json:
    place = container.record.networks[0]
    return {
        "Name": container.name,
        "EndpointID": place.endpoint_id,
        "MacAddress": place.mac,
        "IPv4Address": f"{place.address}/{place.prefix_length}" if place.address else "",
        "IPv6Address": "",
    }


ROUTES = [
    ("GET", "/networks", list_networks),
    ("GET", "/networks/{id}", inspect),
    ("POST", "/networks/create", refuse),
    ("POST", "/networks/{id}/connect", refuse),
    ("POST", "/networks/{id}/disconnect", refuse),
    ("DELETE", "/networks/{id}", refuse),
]
