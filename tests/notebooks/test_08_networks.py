"""Lesson 08: what its cells print is what its texts say."""

from __future__ import annotations

from tests.notebooks.lessons import Ran


def test_names_work_only_in_own_networks(ran: Ran) -> None:
    """Does the default network answer by address and not by name, and one's own by name?"""
    told = ran.output("by-address").replace("\n", "")
    assert "<title>Welcome to nginx!</title>" in told
    assert "Could not resolve host: web" in told
    assert "Welcome to nginx!" in ran.output("connect")
    assert "127.0.0.11" in ran.output("dns")
    assert "2 packets received, 0% packet loss" in ran.output("dns")
    assert "PING backend" in ran.output("alias")


def test_networks_are_isolated(ran: Ran) -> None:
    """Is a container of another network reached neither by name nor by address, until it is connected?"""
    told = ran.output("isolated").replace("\n", "")
    assert "bad address 'api'" in told
    assert "100% packet loss" in told
    assert " 0% packet loss" in ran.output("both")
    assert "bad address 'api'" in ran.output("disconnect")


def test_subnets_none_and_host(ran: Ran) -> None:
    """Are addresses, overlaps, `none` and `host` as the texts say?"""
    assert "inet 10.77.0.50/24" in ran.output("subnet")
    assert "Pool overlaps with other one on this address space" in ran.output("subnet")
    assert "Network is unreachable" in ran.output("none")
    assert "eth0" not in ran.output("none")
    assert "hosted" in ran.output("host")
    assert "lab.network.host=" in ran.output("host")


def test_ports_and_errors(ran: Ran) -> None:
    """Does the port for this host alone answer, and is each of the five errors Docker's?"""
    assert "80/tcp -> 127.0.0.1:8082" in ran.output("ports")
    assert "True" in ran.output("ports")
    told = ran.output("errors")
    for message in (
        "has active endpoints",
        "already exists",
        "network nowhere not found",
        "No such container: nobody",
        "is a pre-defined network and cannot be removed",
    ):
        assert message in told
    assert ran.output("rm").split() == ["web", "api", "shop", "office", "back"]
