"""Ways in and out of the guest: published ports, localhost inside, the daemon's way out."""

from __future__ import annotations

import contextlib
import http.client
import socket
import urllib.request

import docker
import pytest

from tests.conftest import until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def page(port: int, path: str = "/") -> bytes:
    """What the server answers, when it has started to listen."""
    found: list[bytes] = []

    def answers() -> bool:
        # as with Docker's proxy, the port takes connections before there is a server
        with contextlib.suppress(OSError, http.client.HTTPException):
            address = f"http://127.0.0.1:{port}{path}"
            with urllib.request.urlopen(address, timeout=20) as answer:
                found.append(answer.read())
        return bool(found)

    until(answers, limit=60, what="the server answers")
    return found[0]


def refuses(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("address", ["", "127.0.0.1"])
def test_published(client: docker.DockerClient, address: str) -> None:
    """Is a published port served on the host while the container runs, and free afterwards?"""
    port = free_port()
    host = (address, port) if address else port
    container = client.containers.run("nginx", ports={"80/tcp": host}, detach=True)
    assert b"nginx" in page(port).lower()
    container.stop(timeout=1)
    until(lambda: refuses(port), what="the port is free again")
    container.start()
    assert b"nginx" in page(port).lower()


def test_taken(client: docker.DockerClient) -> None:
    """Is a port that the host has given to another refused in Docker's words, by both?"""
    with socket.socket() as holder:
        holder.bind(("0.0.0.0", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(docker.errors.APIError, match="address already in use"):
            client.containers.run("nginx", ports={"80/tcp": port}, detach=True)
    first = client.containers.run("nginx", ports={"80/tcp": port}, detach=True)
    with pytest.raises(docker.errors.APIError, match="port is already allocated"):
        client.containers.run("nginx", ports={"80/tcp": port}, detach=True)
    first.remove(force=True)
    client.containers.run("nginx", ports={"80/tcp": port}, detach=True)


def test_localhost_inside(client: docker.DockerClient) -> None:
    """Is a published port localhost for the daemon too: can one push to a registry run here?"""
    port = free_port()
    client.images.pull("registry", "2")
    client.containers.run("registry:2", ports={"5000/tcp": port}, detach=True)
    assert page(port, "/v2/") == b"{}"
    mine = f"localhost:{port}/mine"
    image = client.images.get("busybox")
    image.tag(mine)
    assert "digest: sha256:" in client.images.push(mine)
    client.images.remove(mine)
    assert client.images.pull(mine, "latest").id == image.id
    client.images.remove(mine)


def test_the_way_out(client: docker.DockerClient, called: tuple[int, list[bytes]]) -> None:
    """Does the daemon in the guest reach registries outside of it, by TLS?"""
    port, heard = called
    # what QEMU's network shows of the host
    with pytest.raises(docker.errors.APIError):
        client.images.pull(f"10.0.2.2:{port}/some/image", "latest")
    assert heard and heard[0][:2] == b"\x16\x03"


def test_networks_of_ones_own(client: docker.DockerClient) -> None:
    """Do containers of one network find each other by name in the guest, and no others?"""
    network = client.networks.create("guests")
    try:
        server = ["httpd", "-f", "-h", "/etc"]
        client.containers.run("busybox", server, name="host1", network="guests", detach=True)
        get = "until wget -qO- http://host1/hostname; do sleep 1; done"
        page = client.containers.run("busybox", ["sh", "-c", get], network="guests", remove=True)
        assert len(page.strip()) == 12
        other = client.containers.run("busybox", "sleep 1000", detach=True)
        assert other.exec_run("nslookup host1").exit_code != 0
        network.connect(other)
        assert other.exec_run("nslookup host1").exit_code == 0
        network.disconnect(other)
    finally:
        client.containers.get("host1").remove(force=True)
        network.remove()


@pytest.mark.parametrize("address", ["172.17.0.1", "10.0.2.2"])
def test_the_way_out_of_a_container(
    client: docker.DockerClient, called: tuple[int, list[bytes]], address: str
) -> None:
    """Does a container reach the host outside, also by the gateway where nobody listens inside?"""
    port, heard = called
    with pytest.raises(docker.errors.ContainerError):
        client.containers.run("busybox", ["wget", "-qO-", f"http://{address}:{port}/"])
    assert heard == [b"GET"]


def test_the_hosts_network(client: docker.DockerClient) -> None:
    """Is a server with --network host, which here is the guest's, reached on the host?"""
    port = free_port()
    server = ["httpd", "-f", "-p", str(port), "-h", "/etc"]
    container = client.containers.run("busybox", server, network_mode="host", detach=True)

    def found() -> bytes:
        address = f"http://127.0.0.1:{port}/passwd"
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:
                return answer.read()  # type: ignore[no-any-return]
        except (OSError, http.client.HTTPException):
            return b""

    assert b"root:" in until(found, limit=60)  # type: ignore[operator]
    container.remove(force=True)
    until(lambda: refuses(port), what="the port is free again")


ECHO = (
    "socket(S, PF_INET, SOCK_DGRAM, 17); bind(S, sockaddr_in(5353, INADDR_ANY));"
    'while ($who = recv(S, $said, 65535, 0)) { send(S, "re:$said", 0, $who) }'
)


def test_udp_is_published(client: docker.DockerClient) -> None:
    """Does a published UDP port lead through the guest to the container, and back?"""
    port = free_port()
    command = ["perl", "-MSocket", "-e", ECHO]
    client.containers.run("debian", command, ports={"5353/udp": port}, detach=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("127.0.0.1", port))
        asking.settimeout(1)

        def answer() -> bytes:
            with contextlib.suppress(OSError):
                asking.send(b"here")
                return asking.recv(100)
            return b""

        assert until(answer, limit=60) == b"re:here"
