"""Routes of networks.  Source: Docker Engine API, Network."""

from __future__ import annotations

import asyncio

from aiohttp import web

from lab.api.bodies import answer, read_object
from lab.api.keys import ENGINE
from lab.api.params import Filters
from lab.engine.endpoint_settings import parse_endpoint
from lab.engine.network_list import LIST_FILTERS, PRUNE_FILTERS, prune, select
from lab.engine.network_records import Network
from lab.engine.network_wishes import parse_network
from lab.engine.networks import Member
from lab.errors import NotFound
from lab.oci import fields
from lab.oci.fields import Json


async def list_networks(request: web.Request) -> web.Response:
    networks = request.app[ENGINE].networks
    found = select(networks, Filters.of(request, LIST_FILTERS))
    return answer([_shape(network, []) for network in found])


async def inspect(request: web.Request) -> web.Response:
    networks = request.app[ENGINE].networks
    network = networks.get(request.match_info["id"])
    return answer(_shape(network, networks.members(network)))


async def create(request: web.Request) -> web.Response:
    wish = parse_network(await read_object(request))
    network = await asyncio.to_thread(request.app[ENGINE].networks.create, wish)
    return answer({"Id": network.id, "Warning": ""}, status=201)


async def remove(request: web.Request) -> web.Response:
    networks = request.app[ENGINE].networks
    await asyncio.to_thread(networks.remove, networks.get(request.match_info["id"]))
    return web.Response(status=204)


async def prune_networks(request: web.Request) -> web.Response:
    filters = Filters.of(request, PRUNE_FILTERS)
    removed = await asyncio.to_thread(prune, request.app[ENGINE].networks, filters)
    return answer({"NetworksDeleted": removed or None})


async def connect(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    body = await read_object(request)
    container = engine.containers.get(fields.text(body, "Container"))
    network = engine.networks.get(request.match_info["id"])
    place = parse_endpoint(network.name, fields.obj(body, "EndpointConfig"))
    await engine.connections.connect(container, network, place)
    return web.Response()


async def disconnect(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    body = await read_object(request)
    name, network = fields.text(body, "Container"), request.match_info["id"]
    force = fields.boolean(body, "Force")
    try:
        container = engine.containers.get(name)
    except NotFound:
        if force:
            raise NotFound(f"endpoint {name} not found") from None
        raise
    await engine.connections.disconnect(container, network, force)
    return web.Response()


def _shape(network: Network, members: list[Member]) -> Json:
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": network.created,
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv6": network.pool6 is not None,
        "IPAM": network.ipam,
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {each.container: _member(network, each) for each in members},
        "Options": network.options,
        "Labels": network.labels,
    }


def _member(network: Network, member: Member) -> Json:
    length = network.pool.subnet.prefixlen if network.pool else 0
    length6 = network.pool6.subnet.prefixlen if network.pool6 else 0
    return {
        "Name": member.name,
        "EndpointID": member.endpoint,
        "MacAddress": member.mac,
        "IPv4Address": f"{member.address}/{length}" if member.address else "",
        "IPv6Address": f"{member.address6}/{length6}" if member.address6 else "",
    }


ROUTES = [
    ("GET", "/networks", list_networks),
    ("GET", "/networks/{id}", inspect),
    ("POST", "/networks/create", create),
    ("POST", "/networks/prune", prune_networks),
    ("POST", "/networks/{id}/connect", connect),
    ("POST", "/networks/{id}/disconnect", disconnect),
    ("DELETE", "/networks/{id}", remove),
]
