"""From lists of networks and containers to the network map."""

from __future__ import annotations

from typing import Any

from lab.widgets import network_plan
from lab.widgets.network_plan import MAX_CONTAINERS


def network(name: str, subnet: str = "", created: str = "", **more: Any) -> dict[str, Any]:
    ranges = [{"Subnet": subnet, "Gateway": subnet.replace("0/24", "1")}] if subnet else None
    return {
        "Name": name,
        "Id": f"id-{name}",
        "Driver": "bridge",
        "Created": created,
        "IPAM": {"Config": ranges},
        **more,
    }


def container(name: str, state: str = "running", ports: Any = (), **ends: Any) -> dict[str, Any]:
    return {
        "Id": f"id-{name}",
        "Names": [f"/{name}"],
        "State": state,
        "Ports": list(ports),
        "NetworkSettings": {"Networks": ends},
    }


BUILT_IN = [network("host"), network("none"), network("bridge", "172.17.0.0/24")]


def test_networks_stand_in_order_and_special_ones_only_if_used() -> None:
    """Does bridge come first, then own ones by age, and are host and none left out until used?"""
    own = [network("b", created="2"), network("a", created="3"), network("c", created="1")]
    told = network_plan.draw([*own, *BUILT_IN], [], ())
    assert [each["name"] for each in told["networks"]] == ["bridge", "c", "b", "a"]
    assert [each["names"] for each in told["networks"]] == [False, True, True, True]
    used = network_plan.draw(BUILT_IN, [container("x", none={}), container("y", host={})], ())
    assert [each["name"] for each in used["networks"]] == ["bridge", "host", "none"]


def test_a_container_is_drawn_once_with_a_cable_for_each_network() -> None:
    """Has a container of two networks both addresses and its aliases?"""
    api = container(
        "api",
        shop={"IPAddress": "10.0.0.2", "Gateway": "10.0.0.1", "Aliases": ["backend"]},
        back={"IPAddress": "10.0.1.2", "Aliases": None},
    )
    networks = [network("shop", "10.0.0.0/24"), network("back", "10.0.1.0/24", Internal=True)]
    told = network_plan.draw(networks, [api], ())
    (drawn,) = told["containers"]
    assert [(c["network"], c["address"], c["aliases"]) for c in drawn["cables"]] == [
        ("shop", "10.0.0.2", ["backend"]),
        ("back", "10.0.1.2", []),
    ]
    assert [each["internal"] for each in told["networks"]] == [False, True]
    assert told["networks"][0]["ranges"] == [{"subnet": "10.0.0.0/24", "gateway": "10.0.0.1"}]


def test_a_port_of_both_families_is_one_port() -> None:
    """Are the two addresses of a port told together, and a port that is only exposed left out?"""
    ports = [
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"PrivatePort": 443, "Type": "tcp"},
    ]
    told = network_plan.draw(BUILT_IN, [container("web", ports=ports, bridge={})], ())
    assert told["containers"][0]["ports"] == [
        {"public": 8080, "private": 80, "type": "tcp", "addresses": ["0.0.0.0", "::"]}
    ]


def test_one_network_and_its_containers() -> None:
    """Are other networks' containers left out, and a name that means none told?"""
    inside, outside = container("in", shop={}), container("out", bridge={})
    told = network_plan.draw([network("shop"), *BUILT_IN], [inside, outside], ["shop", "nosuch"])
    assert [each["name"] for each in told["networks"]] == ["shop"]
    assert [each["name"] for each in told["containers"]] == ["in"]
    assert told["missing"] == ["nosuch"]


def test_many_containers_are_bounded_and_running_ones_come_first() -> None:
    """Are 100 containers cut to what can be drawn, with the number of the rest?"""
    many = [
        container(f"c{number}", "exited" if number % 2 else "running", bridge={})
        for number in range(100)
    ]
    told = network_plan.draw(BUILT_IN, many, ())
    assert len(told["containers"]) == MAX_CONTAINERS
    assert told["more"] == 100 - MAX_CONTAINERS
    assert all(each["running"] for each in told["containers"])
