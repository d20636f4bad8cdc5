"""What a client asks of a container's place in a network, checked."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from lab.engine.endpoint_settings import check_place, parse_endpoint, parse_networking
from lab.engine.network_records import Network
from lab.engine.state import Attachment
from lab.errors import InvalidParameter, LabError
from lab.network.ipam import Pool

SUBNET = IPv4Network("10.1.0.0/16")
APP = Network(
    "1" * 64, "app", "bridge", "", Pool(SUBNET, SUBNET, IPv4Address("10.1.0.1")), chosen=True
)


@pytest.mark.parametrize(
    "networking",
    [
        {},
        {"EndpointsConfig": {}},
        {"EndpointsConfig": {"default": None}},
        {"EndpointsConfig": {"bridge": {"IPAMConfig": None, "Aliases": []}}},
    ],
)
def test_the_default(networking: dict[str, Any]) -> None:
    """Does a client that asks for nothing get the default bridge?"""
    assert parse_networking(networking, {"NetworkMode": "bridge"}) == [Attachment("bridge")]


def test_wishes_are_kept() -> None:
    """Are several networks, addresses, aliases and hardware addresses taken as they are?"""
    wishes = {
        "one": {"Aliases": ["db"], "IPAMConfig": {"IPv4Address": "10.1.0.9"}, "GwPriority": 5},
        "two": {"MacAddress": "02-00-00-00-00-0A", "Links": ["web:w"]},
    }
    places = parse_networking(
        {"EndpointsConfig": wishes}, {"NetworkMode": "one"}, "02:00:00:00:00:01"
    )
    first, second = places
    assert (first.network, first.aliases, first.wanted_address) == ("one", ["db"], "10.1.0.9")
    assert (first.wanted_mac, first.priority) == ("02:00:00:00:00:01", 5)
    assert (second.wanted_mac, second.links) == ("02:00:00:00:00:0a", ["web:w"])


@pytest.mark.parametrize(
    ("name", "settings", "kind", "message"),
    [
        ("bridge", {"Aliases": ["x"]}, InvalidParameter, "network-scoped alias is supported only"),
        ("bridge", {"IPAMConfig": {"IPv4Address": "10.0.0.1"}}, InvalidParameter, "user defined"),
        ("app", {"IPAMConfig": {"IPv4Address": "ten"}}, InvalidParameter, "invalid IPv4 address"),
        ("app", {"IPAMConfig": {"IPv6Address": "ten"}}, InvalidParameter, "invalid IPv6 address"),
        ("app", {"IPAMConfig": {"LinkLocalIPs": ["10.0.0.1"]}}, InvalidParameter, "link-local"),
        ("app", {"MacAddress": "01:00:00:00:00:00"}, InvalidParameter, "invalid MAC address"),
        ("app", {"MacAddress": 5}, InvalidParameter, "MacAddress must be a string"),
    ],
)
def test_refusals(name: str, settings: dict[str, Any], kind: type[LabError], message: str) -> None:
    """Is what cannot be refused in Docker's words?"""
    with pytest.raises(kind, match=message):
        parse_networking({"EndpointsConfig": {name: settings}}, {"NetworkMode": name})


def test_addresses_of_a_network() -> None:
    """Can an address be chosen only in a subnet that was chosen, too?"""
    place = parse_endpoint("app", {"IPAMConfig": {"IPv4Address": "10.2.0.1"}})
    with pytest.raises(InvalidParameter, match="no configured subnet or ip-range contain the IP"):
        check_place(place, APP)
    automatic = Network("2" * 64, "auto", "bridge", "", APP.pool)
    with pytest.raises(InvalidParameter, match="networks with user configured subnets"):
        check_place(place, automatic)
    check_place(parse_endpoint("app", {"IPAMConfig": {"IPv4Address": "10.1.0.1"}}), APP)
    with pytest.raises(InvalidParameter, match="networks with user configured subnets"):
        check_place(parse_endpoint("app", {"IPAMConfig": {"IPv6Address": "2001:db8::1"}}), APP)
