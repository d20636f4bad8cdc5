"""What a client asks of a new network, checked."""

from __future__ import annotations

from typing import Any

import pytest

from lab.engine.network_wishes import parse_network
from lab.errors import Forbidden, InvalidParameter, LabError, NotFound, Unsupported

CLI: dict[str, Any] = {
    "Name": "app",
    "Driver": "bridge",
    "Scope": "",
    "IPAM": {"Driver": "default", "Options": {}, "Config": []},
    "Internal": False,
    "Attachable": False,
    "Ingress": False,
    "ConfigOnly": False,
    "ConfigFrom": None,
    "Options": {},
    "Labels": {},
}


def test_the_clis_request() -> None:
    """Does what the CLI sends ask for a bridge with addresses of the engine's choice?"""
    wish = parse_network(CLI)
    assert (wish.name, wish.subnet, wish.gateway, wish.bridge) == ("app", "", "", "")
    assert (wish.ipam_driver, wish.ipam_options, wish.internal) == ("default", {}, False)
    assert parse_network({"Name": "short"}).ipam_options is None


def test_addresses_and_options() -> None:
    """Are the addresses and options of the request taken?"""
    config = {"Subnet": "10.1.0.0/16", "Gateway": "10.1.0.9", "IPRange": "10.1.4.0/24"}
    ipam = {"Config": [{**config, "AuxiliaryAddresses": {"host": "10.1.0.5"}}]}
    options = {"com.docker.network.bridge.name": "br0", "com.docker.network.driver.mtu": "1400"}
    wish = parse_network({**CLI, "IPAM": ipam, "Options": options, "Internal": True})
    assert (wish.subnet, wish.ip_range, wish.gateway) == ("10.1.0.0/16", "10.1.4.0/24", "10.1.0.9")
    assert (wish.ipv6, wish.subnet6) == (False, "")
    both = {"Config": [config, {"Subnet": "2001:db8::/64", "Gateway": "2001:db8::9"}]}
    dual = parse_network({**CLI, "IPAM": both, "EnableIPv6": True})
    assert (dual.ipv6, dual.subnet6, dual.gateway6) == (True, "2001:db8::/64", "2001:db8::9")
    assert (wish.aux, wish.bridge, wish.internal) == ({"host": "10.1.0.5"}, "br0", True)


@pytest.mark.parametrize(
    ("members", "kind", "message"),
    [
        ({"Name": " "}, InvalidParameter, "invalid name: name is empty"),
        ({"Driver": "host"}, Forbidden, 'only one instance of "host" network is allowed'),
        ({"Driver": "overlay"}, Forbidden, "not a swarm manager"),
        ({"Driver": "macvlan"}, Unsupported, "macvlan"),
        ({"Driver": "weave"}, NotFound, "could not find plugin weave in v1 plugin registry"),
        ({"IPAM": {"Driver": "mine"}}, InvalidParameter, 'invalid ipam driver: "mine"'),
        ({"IPAM": {"Config": [{"Subnet": "10.0.0.0/8"}, {"Subnet": "11.0.0.0/8"}]}}, Forbidden,
         "doesn't support multiple subnets"),
        ({"Options": {"com.docker.network.driver.mtu": "x"}}, InvalidParameter, "strconv.Atoi"),
        ({"Options": {"com.docker.network.driver.mtu": "1"}}, InvalidParameter, "invalid MTU"),
        ({"Options": {"com.docker.network.bridge.name": "a/b"}}, InvalidParameter, "bridge"),
        ({"ConfigOnly": True}, Unsupported, "configurations"),
        ({"Scope": "swarm"}, Forbidden, "swarm is not active"),
        ({"Labels": {"a": 1}}, InvalidParameter, "Labels must be a map of strings"),
    ],
)  # fmt: skip
def test_refusals(members: dict[str, Any], kind: type[LabError], message: str) -> None:
    """Is what cannot be refused with what is wrong?"""
    with pytest.raises(kind, match=message):
        parse_network({**CLI, **members})
