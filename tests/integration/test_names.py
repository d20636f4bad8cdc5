"""Containers that find each other by name: the embedded DNS, /etc/hosts, /etc/resolv.conf."""

from __future__ import annotations

import time
from typing import Any

import docker
import pytest
from docker.errors import APIError

from tests.integration.test_own_networks import Make, address, gateway, make, reaches, run

__all__ = ["make"]


def ask(client: docker.DockerClient, network: str, *words: str, **options: Any) -> str:
    """Return what a container's nslookup prints, whatever it ends with."""
    shell = f"nslookup {' '.join(words)}; true"
    output = client.containers.run(
        "busybox", ["sh", "-c", shell], network=network, remove=True, stderr=True, **options
    )
    return str(output.decode())


def test_names_aliases_and_ids(client: docker.DockerClient, make: Make) -> None:
    """Is a container found by its name, an alias, its short id and its hostname?"""
    network = make("named")
    place = {"named": client.api.create_endpoint_config(aliases=["store"])}
    server = run(client, network, name="found", hostname="inner", networking_config=place)
    guest = run(client, network)
    for name in ("found", "FOUND", "store", server.short_id, "inner", "found.named"):
        assert reaches(guest, name), name
    wanted = address(server, network)
    assert f"Address: {wanted}" in ask(client, "named", "found")
    assert "name = found.named" in ask(client, "named", wanted)
    server.rename("lost")
    assert reaches(guest, "lost") and not reaches(guest, "found")


def test_only_within_shared_networks(client: docker.DockerClient, make: Make) -> None:
    """Is a container unknown to those of other networks, and on the default bridge?"""
    make("here"), make("there")
    run(client, "here", name="near")
    assert "can't find near" in ask(client, "there", "near")
    run(client, "bridge", name="plain")
    assert "can't find plain" in ask(client, "here", "plain")


def test_quick_failures(client: docker.DockerClient, make: Make) -> None:
    """Is a name that nobody knows refused at once where there is no way out?"""
    make("closed", internal=True)
    begin = time.monotonic()
    assert "can't find" in ask(client, "closed", "example.com")
    assert time.monotonic() - begin < 3


def test_dns_of_ones_own(client: docker.DockerClient, make: Make) -> None:
    """Does --dns name the server of what is not known here, and its options reach the file?"""
    network = make("asking")
    nobody = gateway(network)
    begin = time.monotonic()
    assert "can't find far.example: SERVFAIL" in ask(client, "asking", "far.example", dns=[nobody])
    assert time.monotonic() - begin < 3
    shown = client.containers.run(
        "busybox", "cat /etc/resolv.conf", dns=["192.0.2.1"], dns_search=["x.example"],
        dns_opt=["timeout:1"], remove=True,
    )  # fmt: skip
    assert shown == b"nameserver 192.0.2.1\nsearch x.example\noptions timeout:1\n"
    with pytest.raises(APIError, match="here is not an ip address"):
        client.containers.run("busybox", "true", dns=["here"])


def test_hosts(client: docker.DockerClient, make: Make) -> None:
    """Are --add-host, host-gateway and a domain in /etc/hosts?"""
    network = make("hosts")
    shown = client.containers.run(
        "busybox",
        "cat /etc/hosts",
        network="hosts",
        hostname="me",
        domainname="example.com",
        extra_hosts={"db": "192.0.2.5", "host.docker.internal": "host-gateway"},
        remove=True,
    ).decode()
    assert "192.0.2.5\tdb\n" in shown
    assert "172.17.0.1\thost.docker.internal\n" in shown
    assert shown.endswith("\tme.example.com me\n")
    assert shown.startswith("127.0.0.1\tlocalhost\n")
    with pytest.raises(APIError, match='invalid IP address in add-host: "there"'):
        client.containers.run("busybox", "true", extra_hosts={"db": "there"})
    assert network.name == "hosts"


def test_links(client: docker.DockerClient) -> None:
    """Does --link on the default bridge give a name and variables, as it did of old?"""
    server = run(client, "bridge", name="linked", environment={"SIZE": "9"})
    options = {"links": {"linked": "db"}, "ports": {"80/tcp": None}}
    guest = run(client, "bridge", name="linking", **options)
    assert reaches(guest, "db") and reaches(guest, "linked")
    guest.reload()
    assert guest.attrs["HostConfig"]["Links"] == ["/linked:/linking/db"]
    shown = client.containers.run("busybox", "env", links={"linked": "my-db"}, remove=True)
    assert b"MY_DB_ENV_SIZE=9\n" in shown
    names = {each["Id"]: each["Names"] for each in client.api.containers()}
    assert names[server.id] == ["/linked", "/linking/db"]
    client.api.remove_container("linking/db", link=True)
    names = {each["Id"]: each["Names"] for each in client.api.containers()}
    assert names[server.id] == ["/linked"]
    with pytest.raises(APIError, match="could not get container for nobody"):
        client.containers.create("busybox", "true", links={"nobody": "x"})
    server.stop(timeout=0)
    with pytest.raises(APIError, match="Cannot link to a non running container: /linked AS"):
        client.containers.run("busybox", "true", links={"linked": "db"})


def test_links_in_a_network(client: docker.DockerClient, make: Make) -> None:
    """Is a link in a network of one's own a name that only its owner knows?"""
    network = make("linknet")
    run(client, network, name="target")
    place = client.api.create_endpoint_config(links={"target": "mine"})
    guest = run(client, network, networking_config={"linknet": place})
    assert reaches(guest, "mine")
    assert not reaches(run(client, network), "mine")
