"""Where a container's packets lead: the host, the outside, or nowhere."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from lab.network.destinations import HOST, Destinations, Target
from lab.network.rules import Segment

DEFAULT = Segment("docker0", IPv4Network("172.17.0.0/16"), IPv4Address("172.17.0.1"))
INNER = Segment("br-inner", IPv4Network("172.18.0.0/16"), IPv4Address("172.18.0.1"), internal=True)


def find(source: str, destination: str, port: int = 80, **settings: str) -> Target | None:
    destinations = Destinations(**settings)
    destinations.show([DEFAULT, INNER])
    return destinations.find(IPv4Address(source), IPv4Address(destination), port)


def test_outside() -> None:
    """Does an address beyond the lab's networks lead to itself?"""
    assert find("172.17.0.2", "192.0.2.7", 443) == Target("192.0.2.7", 443)


@pytest.mark.parametrize("gateway", ["172.17.0.1", "172.18.0.1"])
def test_host(gateway: str) -> None:
    """Does each gateway mean the host, and never its own loopback address, on either side?"""
    target = find("172.17.0.2", gateway)
    assert target == Target(HOST, 80, "127.145.0.2")
    assert not HOST.startswith("127.0.")


def test_a_network_that_looks_like_loopback() -> None:
    """Is a container whose address ends as 127.0.0.1 does still not taken for the host?"""
    destinations = Destinations()
    segment = Segment("br", IPv4Network("10.0.0.0/24"), IPv4Address("10.0.0.254"))
    destinations.show([segment])
    target = destinations.find(IPv4Address("10.0.0.1"), segment.gateway, 80)
    assert target is not None and target.source == "127.128.0.1"


def test_internal() -> None:
    """Does an internal network lead to the host by its own gateway, and nowhere else?"""
    assert find("172.18.0.2", "172.18.0.1") is not None
    assert find("172.18.0.2", "172.17.0.1") is None
    assert find("172.18.0.2", "192.0.2.7") is None


@pytest.mark.parametrize("other", ["172.18.0.9", "127.0.0.1", "224.0.0.1", "0.0.0.0"])
def test_nowhere(other: str) -> None:
    """Are other networks' containers, loopback and groups out of reach?"""
    assert find("172.17.0.2", other) is None


def test_a_resolver_of_the_host_alone() -> None:
    """Does a resolver on the host's loopback answer at the gateways, and only for DNS?"""
    assert find("172.17.0.2", "172.17.0.1", 53, resolver="127.0.0.53") == Target("127.0.0.53", 53)
    beside = find("172.17.0.2", "172.17.0.1", 54, resolver="127.0.0.53")
    assert beside is not None and beside.address == HOST


def test_a_machine_around() -> None:
    """Is the machine around a virtual one asked where that one has nobody?"""
    target = find("172.17.0.2", "172.17.0.1", outer="10.0.2.2")
    assert target is not None and target.otherwise == "10.0.2.2"
