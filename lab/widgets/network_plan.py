"""From lists of networks and containers to what the network map draws.  Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.widgets.naming import name_of

Json = Mapping[str, Any]

MAX_CONTAINERS = 40
"""How many are drawn, running ones first; of more, the number is told."""

MAX_NETWORKS = 24

_BUILT_IN = ("bridge", "host", "none")


def draw(
    networks: Sequence[Json], containers: Sequence[Json], names: Sequence[str]
) -> dict[str, Any]:
    """Return the widget's traits, from GET /networks and GET /containers/json?all=1.

    Without `names`, built-in networks are drawn only if a container is in them; `bridge` always,
    as it is where containers go.
    """
    plugged = [_container(each) for each in reversed(containers)]
    used = {cable["network"] for each in plugged for cable in each["cables"]}
    known = {each["Name"] for each in networks}
    if names:
        wanted = [each for each in networks if each["Name"] in names or each["Id"] in names]
    else:
        wanted = [
            each
            for each in networks
            if each["Name"] not in ("host", "none") or each["Name"] in used
        ]
    wanted = sorted(wanted, key=_order)[:MAX_NETWORKS]
    shown = {each["Name"] for each in wanted}
    inside = [each for each in plugged if shown & {cable["network"] for cable in each["cables"]}]
    inside.sort(key=lambda each: not each["running"])
    return {
        "networks": [_network(each) for each in wanted],
        "containers": inside[:MAX_CONTAINERS],
        "missing": [name for name in names if name not in known],
        "more": max(0, len(inside) - MAX_CONTAINERS),
    }


def _order(network: Json) -> tuple[int, str]:
    """Own networks by the time of their making, between `bridge` and the two special ones."""
    name = network["Name"]
    place = {"bridge": 0, "host": 2, "none": 3}.get(name, 1)
    return place, network.get("Created", "") if place == 1 else name


def _network(network: Json) -> dict[str, Any]:
    ranges = (network.get("IPAM") or {}).get("Config") or []
    return {
        "id": network["Id"],
        "name": network["Name"],
        "driver": network.get("Driver", ""),
        "internal": bool(network.get("Internal")),
        "names": network["Name"] not in _BUILT_IN,
        "ranges": [
            {"subnet": each.get("Subnet", ""), "gateway": each.get("Gateway", "")}
            for each in ranges
        ],
    }


def _container(listed: Json) -> dict[str, Any]:
    ends = (listed.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        "id": listed["Id"],
        "name": name_of(listed),
        "running": listed.get("State") in ("running", "paused"),
        "cables": [_cable(name, end or {}) for name, end in ends.items()],
        "ports": _ports(listed.get("Ports") or ()),
    }


def _cable(network: str, end: Json) -> dict[str, Any]:
    return {
        "network": network,
        "address": end.get("IPAddress", ""),
        "address6": end.get("GlobalIPv6Address", ""),
        "gateway": end.get("Gateway", ""),
        "aliases": list(end.get("Aliases") or ()),
    }


def _ports(listed: Sequence[Json]) -> list[dict[str, Any]]:
    """Return the published ports; one that is open for IPv4 and IPv6 is one port."""
    found: dict[tuple[int, int, str], list[str]] = {}
    for each in listed:
        if each.get("PublicPort"):
            key = (each["PublicPort"], each["PrivatePort"], each.get("Type", "tcp"))
            found.setdefault(key, []).append(each.get("IP", ""))
    return [
        {"public": public, "private": private, "type": kind, "addresses": addresses}
        for (public, private, kind), addresses in sorted(found.items())
    ]
