"""Networks of one's own: made, joined and left by the docker CLI and docker-py."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from lab.sandbox.process import EngineProcess
from tests.conftest import until

Cli = Callable[..., subprocess.CompletedProcess[str]]
Make = Callable[..., Network]


@pytest.fixture
def make(client: docker.DockerClient) -> Iterator[Make]:
    """A function that makes a network, which is removed afterwards, with those in it."""
    made: list[Network] = []

    def create(name: str, **options: Any) -> Network:
        made.append(client.networks.create(name, **options))
        return made[-1]

    yield create
    for network in made:
        try:
            network.reload()
        except NotFound:
            continue
        for container in network.attrs["Containers"]:
            client.containers.get(container).remove(force=True)
        network.remove()


def run(client: docker.DockerClient, network: Network | str, **options: Any) -> Container:
    """Start a small web server in a network; its page is /hostname."""
    name = network if isinstance(network, str) else network.name
    server = ["httpd", "-f", "-h", "/etc"]
    return client.containers.run("busybox", server, detach=True, network=name, **options)


def address(container: Container, network: Network) -> str:
    container.reload()
    place = container.attrs["NetworkSettings"]["Networks"][network.name]
    return str(place["IPAddress"])


def reaches(container: Container, host: str) -> bool:
    """Whether a container can open the page of `host` within a second."""
    page = f"http://{host}/hostname"
    code, _ = container.exec_run(["timeout", "1", "wget", "-qO", "/dev/null", page])
    return int(code) == 0


def test_made_listed_and_removed(cli: Cli) -> None:
    """Does the CLI say what it says with Docker?"""
    made = cli("network", "create", "--label", "course=docker", "app")
    assert len(made.stdout.strip()) == 64
    try:
        shown = cli(
            "network", "ls", "--filter", "label=course", "--format", "{{.Name}} {{.Driver}}"
        )
        assert shown.stdout == "app bridge\n"
        twice = cli("network", "create", "app")
        assert "network with name app already exists" in twice.stderr
        predefined = cli("network", "rm", "bridge")
        assert "bridge is a pre-defined network and cannot be removed" in predefined.stderr
        inspected = json.loads(cli("network", "inspect", "app").stdout)[0]
        config = inspected["IPAM"]["Config"][0]
        assert config["Gateway"] == config["Subnet"].replace("0.0/16", "0.1")
        overlap = cli("network", "create", "--subnet", config["Subnet"], "other")
        assert "Pool overlaps with other one on this address space" in overlap.stderr
    finally:
        removed = cli("network", "rm", "app")
    assert removed.stdout == "app\n"
    assert "network app not found" in cli("network", "rm", "app").stderr


def test_addresses_of_ones_own(client: docker.DockerClient, make: Make) -> None:
    """Are subnet, range, gateway and reserved addresses respected, and --ip granted?"""
    pool = IPAMPool("10.71.0.0/16", "10.71.8.0/29", "10.71.0.9", {"host": "10.71.8.0"})
    network = make("chosen", ipam=IPAMConfig(pool_configs=[pool]))
    first = run(client, network)
    assert address(first, network) == "10.71.8.1"
    assert b"default via 10.71.0.9" in first.exec_run("ip route").output
    config = client.api.create_endpoint_config(
        ipv4_address="10.71.3.3", mac_address="02:00:00:00:00:07"
    )
    second = client.containers.create(
        "busybox", "sleep 1000", network="chosen", networking_config={"chosen": config}
    )
    second.start()
    assert address(second, network) == "10.71.3.3"
    assert b"02:00:00:00:00:07" in second.exec_run("ip link show eth0").output
    with pytest.raises(APIError, match="Address already in use"):
        network.connect(run(client, "bridge"), ipv4_address="10.71.3.3")


def test_two_networks_are_apart(client: docker.DockerClient, make: Make) -> None:
    """Can containers of two networks reach each other neither by address nor by any gateway?"""
    one, other = make("one"), make("other")
    server = run(client, one)
    stranger = run(client, other, cap_add=["NET_ADMIN"])
    target = address(server, one)
    assert reaches(run(client, one), target)
    assert not reaches(stranger, target)
    subnet = target.rsplit(".", 2)[0] + ".0.0/16"
    for route in (f"add {subnet} via {gateway(other)}", f"replace {subnet} dev eth0"):
        assert stranger.exec_run(f"ip route {route}").exit_code == 0
        assert not reaches(stranger, target)
        assert stranger.exec_run(f"ping -c 1 -W 1 {target}").exit_code == 1
    assert not reaches(run(client, "bridge"), target)


def gateway(network: Network) -> str:
    network.reload()
    return str(network.attrs["IPAM"]["Config"][0]["Gateway"])


def test_live_changes(client: docker.DockerClient, make: Make) -> None:
    """Does a running container get and lose interfaces, names and published ports at once?"""
    network = make("late")
    server, guest = (
        run(client, network, name="late-server"),
        run(client, "bridge", ports={"80": None}),
    )
    assert not reaches(guest, "late-server")
    network.connect(guest, aliases=["visitor"])
    assert reaches(guest, "late-server") and reaches(server, "visitor")
    links = guest.exec_run("ip -o -4 address").output.decode()
    assert "eth0" in links and "eth1" in links
    assert (
        f"{address(guest, network)}\t{guest.id[:12]}".encode()
        in guest.exec_run("cat /etc/hosts").output
    )
    with pytest.raises(APIError, match="already exists in network late"):
        network.connect(guest)
    with pytest.raises(APIError, match="has active endpoints"):
        network.remove()
    client.networks.get("bridge").disconnect(guest)
    assert f"default via {gateway(network)}".encode() in guest.exec_run("ip route").output
    assert b"eth0" not in guest.exec_run("ip -o link").output
    port = client.api.port(guest.id, 80)[0]["HostPort"]
    assert port
    network.disconnect(guest)
    assert not reaches(guest, "late-server") and not reaches(server, "visitor")
    with pytest.raises(APIError, match="is not connected to network late"):
        network.disconnect(guest)


def test_while_it_is_stopped(client: docker.DockerClient, make: Make) -> None:
    """Do changes to a stopped container take effect at its next start?"""
    network = make("stopped")
    container = client.containers.create("busybox", "sleep 1000")
    network.connect(container)
    container.reload()
    assert set(container.attrs["NetworkSettings"]["Networks"]) == {"bridge", "stopped"}
    container.start()
    assert b"eth1" in container.exec_run("ip -o link").output
    container.stop(timeout=0)
    network.disconnect(container)
    container.start()
    assert b"eth1" not in container.exec_run("ip -o link").output


def test_internal(client: docker.DockerClient, make: Make) -> None:
    """Do containers of an internal network reach each other, and have no way out and no ports?"""
    network = make("inner", internal=True)
    server = run(client, network, name="inner-server", ports={"80": None})
    guest = run(client, network)
    assert reaches(guest, "inner-server")
    assert b"default" not in guest.exec_run("ip route").output
    other = run(client, "bridge")
    stray = run(client, network, cap_add=["NET_ADMIN"])
    assert stray.exec_run(f"ip route add default via {gateway(network)}").exit_code == 0
    other.reload()
    assert not reaches(stray, other.attrs["NetworkSettings"]["IPAddress"])
    server.reload()
    assert not any(server.attrs["NetworkSettings"]["Ports"].values())


def test_ipv6(client: docker.DockerClient, make: Make) -> None:
    """Do containers of a network with IPv6 find and reach each other that way, too?"""
    pools = [IPAMPool("10.73.0.0/24"), IPAMPool("2001:db8:7::/64")]
    network = make("six", enable_ipv6=True, ipam=IPAMConfig(pool_configs=pools))
    place = client.api.create_endpoint_config(ipv6_address="2001:db8:7::99")
    run(client, network, name="sixth", networking_config={"six": place})
    guest = run(client, network)
    guest.reload()
    mine = guest.attrs["NetworkSettings"]["Networks"]["six"]
    assert (mine["GlobalIPv6Address"], mine["GlobalIPv6PrefixLen"]) == ("2001:db8:7::2", 64)
    assert guest.exec_run("ping -6 -c 1 -W 2 sixth").exit_code == 0
    assert b"2001:db8:7::99" in guest.exec_run("nslookup sixth").output
    assert b"2001:db8:7::2\t" in guest.exec_run("cat /etc/hosts").output
    other = make("seventh", enable_ipv6=True)
    late = run(client, "bridge", cap_add=["NET_ADMIN"])
    other.connect(late)
    other.reload()
    via = other.attrs["IPAM"]["Config"][1]["Gateway"]
    assert late.exec_run(f"ip -6 route add 2001:db8:7::/64 via {via}").exit_code == 0
    assert late.exec_run("ping -6 -c 1 -W 1 2001:db8:7::99").exit_code == 1


def test_no_talk_within(client: docker.DockerClient, make: Make) -> None:
    """Does the option enable_icc=false keep the containers of one network apart?"""
    network = make("quiet", options={"com.docker.network.bridge.enable_icc": "false"})
    server, guest = run(client, network), run(client, network)
    assert not reaches(guest, address(server, network))
    assert guest.exec_run(f"ping -c 1 -W 1 {gateway(network)}").exit_code == 0


def test_ping(client: docker.DockerClient, make: Make) -> None:
    """Can a container ping another by its name, and may ordinary users, too?"""
    make("ping")
    run(client, "ping", name="pinged")
    command = "ping -c 1 -W 2 pinged"
    said = client.containers.run("busybox", command, network="ping", remove=True)
    assert b"1 packets received" in said
    groups = "cat /proc/sys/net/ipv4/ping_group_range"
    assert client.containers.run("busybox", groups, remove=True).split() == [b"0", b"65535"]


def test_prune(client: docker.DockerClient, make: Make) -> None:
    """Does prune remove what nobody is in, and what the filters allow?"""
    make("used"), make("kept", labels={"keep": "yes"}), make("unused")
    run(client, "used")
    gone = client.networks.prune(filters={"label!": ["keep"]})["NetworksDeleted"]
    assert gone == ["unused"]
    dangling = client.networks.list(filters={"dangling": True})
    assert [each.name for each in dangling] == ["kept"]
    assert client.networks.prune()["NetworksDeleted"] == ["kept"]


def test_events(client: docker.DockerClient, make: Make) -> None:
    """Are a network's life and its visitors in the events, as Docker tells them?"""
    network = make("told")
    container = run(client, network)
    container.remove(force=True)
    network.remove()

    def actions() -> list[tuple[str, str | None]]:
        events = client.api.events(
            since=0, until=1 << 40, filters={"network": network.id}, decode=True
        )
        found = []
        for event in events:
            found.append((event["Action"], event["Actor"]["Attributes"].get("container")))
            if event["Action"] == "destroy":
                return found
        return found

    expected = [("create", None), ("connect", container.id), ("disconnect", container.id)]
    assert actions() == [*expected, ("destroy", None)]


def test_a_network_that_went(client: docker.DockerClient, make: Make) -> None:
    """Is a container refused whose network is not there, at its start as with Docker?"""
    with pytest.raises(APIError, match="network nowhere not found"):
        client.containers.run("busybox", "true", network="nowhere")
    network = make("brief")
    container = client.containers.create("busybox", "true", network="brief")
    network.remove()
    with pytest.raises(NotFound, match="network brief not found"):
        container.start()


def test_kept_over_a_restart(own_engine: Callable[[], EngineProcess]) -> None:
    """Are networks, and containers in them, what they were when the engine is back?"""
    first = own_engine()
    client = docker.DockerClient(base_url=first.host)
    client.images.pull("busybox", "latest")
    pool = IPAMPool("10.72.0.0/24")
    network = client.networks.create(
        "kept", ipam=IPAMConfig(pool_configs=[pool]), labels={"a": "b"}
    )
    run(client, network, name="kept-server")
    before = client.networks.get("kept").attrs
    client.close()
    first.process.kill()
    first.process.wait()
    second = own_engine()
    client = docker.DockerClient(base_url=second.host)
    after = client.networks.get("kept").attrs
    assert {**before, "Containers": {}} == after
    client.containers.get("kept-server").start()
    guest = run(client, "kept")
    assert until(lambda: reaches(guest, "kept-server"), what="the server is found by its name")
    client.close()
