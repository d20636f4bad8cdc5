"""The default network, published ports, and containers without a network."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable

import docker
import pytest
from docker.errors import APIError
from docker.models.containers import Container

from tests.conftest import until


def host_port(container: Container) -> int:
    container.reload()
    return int(container.attrs["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"])


def fetch(port: int, path: str = "/") -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read()  # type: ignore[no-any-return]


def fetched(port: int) -> Callable[[], bytes]:
    def attempt() -> bytes:
        try:
            return fetch(port)
        except OSError:
            return b""

    return attempt


def test_nginx_answers_on_the_host(client: docker.DockerClient) -> None:
    """Does the page of a published nginx open on the host, and is the request in its log?"""
    container = client.containers.run("nginx", detach=True, ports={"80/tcp": None})
    page = until(fetched(host_port(container)), what="nginx answers")
    assert isinstance(page, bytes) and b"<html" in page.lower()
    until(lambda: b"GET / HTTP/1.1" in container.logs(), what="the request is logged")


def test_a_chosen_port(client: docker.DockerClient) -> None:
    """Is the very port that was asked for used, and free again afterwards?"""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    container = client.containers.run(
        "busybox", ["httpd", "-f", "-h", "/etc"], detach=True, ports={"80/tcp": port}
    )
    assert host_port(container) == port
    until(lambda: _connects(port), what="the port is open")
    container.remove(force=True)
    assert not _connects(port)


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except OSError:
        return False
    return True


def test_a_taken_port(client: docker.DockerClient) -> None:
    """Is a port that is taken refused in Docker's words, and the container left as it was?"""
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = other.getsockname()[1]
        container = client.containers.create("busybox", "true", ports={"80/tcp": port})
        with pytest.raises(APIError, match="address already in use"):
            container.start()
    container.start()
    assert container.wait()["StatusCode"] == 0
    first = client.containers.run("busybox", "sleep 1000", detach=True, ports={"80/tcp": None})
    with pytest.raises(APIError, match="port is already allocated"):
        client.containers.run("busybox", "true", ports={"80/tcp": host_port(first)})


def test_containers_reach_each_other(client: docker.DockerClient) -> None:
    """Can one container open a page of another by its address?"""
    server = client.containers.run("busybox", ["httpd", "-f", "-h", "/etc"], detach=True)
    server.reload()
    address = server.attrs["NetworkSettings"]["IPAddress"]
    assert address.startswith("172.17.")
    get = f"wget -qO- http://{address}/passwd"
    asked = client.containers.run(
        "busybox", ["sh", "-c", f"{get} || (sleep 1; {get})"], remove=True
    )
    assert b"root:" in asked


def test_no_network(client: docker.DockerClient) -> None:
    """Has a container with --network none only its loopback?"""
    shown = client.containers.run("busybox", "ip -o link", network_mode="none", remove=True)
    assert [line.split(":")[1].strip() for line in shown.decode().splitlines()] == ["lo"]
    seen = client.containers.run("busybox", "ip -o link", remove=True)
    assert b"eth0" in seen


def test_networks_are_listed(client: docker.DockerClient) -> None:
    """Are the three networks there, and a running container in the one that it is in?"""
    assert sorted(each.name for each in client.networks.list()) == ["bridge", "host", "none"]
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    assert container.id in client.networks.get("bridge").attrs["Containers"]


def test_hosts_file_and_name(client: docker.DockerClient) -> None:
    """Does a container know its own name and address?"""
    shown = client.containers.run(
        "busybox", ["cat", "/etc/hosts", "/etc/hostname"], hostname="here", remove=True
    )
    assert b"\there\n" in shown and shown.endswith(b"here\n")


def _low_port() -> int:
    """A port below 1024 that nobody has on the loopback; skips where this user may have none."""
    for port in range(600, 1024):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except PermissionError:
                pytest.skip("only root may have ports below 1024 here")
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_port_below_1024(client: docker.DockerClient, protocol: str) -> None:
    """Is it bound by the launcher, who may, and let go with the container?"""
    port = _low_port()
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    container = client.containers.run(
        "busybox", "sleep 1000", detach=True, ports={f"80/{protocol}": ("127.0.0.1", port)}
    )
    with socket.socket(socket.AF_INET, kind) as other:
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        container.remove(force=True)
        other.bind(("127.0.0.1", port))


def test_a_range_of_host_ports(client: docker.DockerClient) -> None:
    """Do containers that ask for any port of a range get one after the other, until none is left?"""
    first = 23456
    options = {"ports": {"80/tcp": f"{first}-{first + 1}"}, "detach": True}
    got = [client.containers.run("busybox", "sleep 1000", **options) for _ in range(2)]
    assert sorted(map(host_port, got)) == [first, first + 1]
    with pytest.raises(APIError, match=r"all ports are allocated|port is already allocated"):
        client.containers.run("busybox", "true", **options)
