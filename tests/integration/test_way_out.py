"""What containers reach outside of the sandbox: the host, and by it whatever the host reaches."""

from __future__ import annotations

import http.server
import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import docker
import pytest
from docker.errors import BuildError, ContainerError

from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration import host

Serve = Callable[[str], int]
GATEWAY = "172.17.0.1"


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = f"hello {self.client_address[0]}".encode() + b"." * 300_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a web server at an address of the host; returns its port."""
    with ExitStack() as undo:

        def start(address: str) -> int:
            server = http.server.ThreadingHTTPServer((address, 0), _Page)
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            undo.callback(thread.join)
            undo.callback(server.server_close)
            undo.callback(server.shutdown)
            return int(server.server_address[1])

        yield start


def own_address() -> str:
    """An address of the host that others see; skips where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("the host has no network")
        return str(probe.getsockname()[0])


def get(client: docker.DockerClient, address: str, port: int, **options: object) -> bytes:
    command = ["wget", "-qO-", f"http://{address}:{port}/"]
    return client.containers.run("busybox", command, remove=True, **options)  # type: ignore[no-any-return]


def test_the_host_by_the_gateway(
    engine: EngineProcess, client: docker.DockerClient, serve: Serve
) -> None:
    """Is a server at all addresses of the host reached, whole, and by somebody who is not 127.0.0.1?"""
    host.require_one_kernel(engine, "QEMU's network knows no address of the host but its loopback")
    answer = get(client, GATEWAY, serve("0.0.0.0"))
    assert len(answer) > 300_000
    assert answer.startswith(b"hello ") and not answer.startswith(b"hello 127.0.0.1")


def test_the_host_by_its_address(client: docker.DockerClient, serve: Serve) -> None:
    """Is a server at the host's own address reached by that address?"""
    address = own_address()
    assert get(client, address, serve(address)).startswith(b"hello " + address.encode())


def test_the_host_by_its_name(client: docker.DockerClient, serve: Serve) -> None:
    """Does --add-host NAME:host-gateway name the host?"""
    name = "host.docker.internal"
    hosts = {name: "host-gateway"}
    assert get(client, name, serve("0.0.0.0"), extra_hosts=hosts).startswith(b"hello ")


def test_what_only_the_host_may_reach(
    engine: EngineProcess, client: docker.DockerClient, serve: Serve
) -> None:
    """Is a server at 127.0.0.1 of the host out of reach, as with Docker?"""
    host.require_one_kernel(engine, "QEMU's network shows the host's loopback")
    port = serve("127.0.0.1")
    for address in (GATEWAY, "127.0.0.1"):
        with pytest.raises(ContainerError):
            get(client, address, port)


def test_a_published_port_by_the_gateway(client: docker.DockerClient) -> None:
    """Does a container reach another one's published port at the host?"""
    server = client.containers.run(
        "busybox", ["httpd", "-f", "-h", "/etc"], detach=True, ports={"80/tcp": None}
    )
    server.reload()
    port = server.attrs["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
    fetch = f"wget -qO- http://{GATEWAY}:{port}/passwd"
    command = ["sh", "-c", f"{fetch} || (sleep 1; {fetch})"]
    assert b"root:" in client.containers.run("busybox", command, remove=True)


def test_a_build_downloads(client: docker.DockerClient, serve: Serve) -> None:
    """Does a RUN step reach the host, and fail where nobody listens?"""
    url = f"http://{GATEWAY}:{serve('0.0.0.0')}/"
    text = f"FROM busybox\nRUN wget -qO /page {url} && head -c 5 /page\n"
    image, said = client.images.build(fileobj=io.BytesIO(text.encode()), rm=True, nocache=True)
    assert "hello" in "".join(line.get("stream", "") for line in said)
    client.images.remove(image.id)
    with pytest.raises(BuildError):
        nobody = text.replace(url, f"http://{GATEWAY}:1/")
        client.images.build(fileobj=io.BytesIO(nobody.encode()), rm=True, nocache=True)


def test_udp_to_the_host(engine: EngineProcess, client: docker.DockerClient) -> None:
    """Does a datagram reach a server of the host, and its answer come back?"""
    host.require_one_kernel(engine, "by the gateway only TCP finds the machine around the guest")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 0))
        server.settimeout(20)
        port = server.getsockname()[1]
        ask = f"exec 3<>/dev/udp/{GATEWAY}/{port}; echo question >&3; head -c 7 <&3"
        asking = client.containers.run("debian", ["bash", "-c", ask], detach=True)
        data, sender = server.recvfrom(100)
        assert data == b"question\n" and sender[0] != "127.0.0.1"
        server.sendto(b"answer\n", sender)
        assert asking.wait()["StatusCode"] == 0
        assert asking.logs() == b"answer\n"


ECHO = (
    "socket(S, PF_INET, SOCK_DGRAM, 17); bind(S, sockaddr_in(5353, INADDR_ANY));"
    'while ($who = recv(S, $said, 65535, 0)) { send(S, "re:$said", 0, $who) }'
)


def test_udp_is_published(client: docker.DockerClient) -> None:
    """Does a published UDP port lead to the container, from the host and from other containers?"""
    server = client.containers.run(
        "debian", ["perl", "-MSocket", "-e", ECHO], detach=True, ports={"5353/udp": None}
    )
    server.reload()
    binding = server.attrs["NetworkSettings"]["Ports"]["5353/udp"][0]
    port = int(binding["HostPort"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("127.0.0.1", port))
        asking.settimeout(0.1)

        def answer() -> bytes:
            try:
                asking.send(b"host")
                return asking.recv(100)
            except TimeoutError:
                return b""

        assert until(answer) == b"re:host"
    ask = f"exec 3<>/dev/udp/{GATEWAY}/{port}; echo other >&3; head -c 8 <&3"
    shown = client.containers.run("debian", ["timeout", "20", "bash", "-c", ask], remove=True)
    assert shown == b"re:other"
