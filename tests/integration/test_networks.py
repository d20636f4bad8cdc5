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
