"""Publishing host ports: which are bound, which are refused, and in what words."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from lab.errors import NetworkError, Unavailable, Unsupported
from lab.network.bindings import Port, PortBinding
from lab.network.hostports import HostPorts, ipv6_usable
from lab.network.ports import PortRelay, PublishedPort

PREFIX = "driver failed programming external connectivity on endpoint web (1234): "
LIMIT = 20

requires_ipv6 = pytest.mark.skipif(not ipv6_usable(), reason="no IPv6 loopback here")


@pytest.fixture
def relay() -> Iterator[PortRelay]:
    relay = PortRelay(lambda kind: socket.socket())
    yield relay
    relay.close()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A container's server, on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def free_port() -> int:
    """Return a port that nobody has on any address, outside the kernel's range of choice."""
    for port in range(20000, 30000):
        try:
            with (
                socket.create_server(("", port)),
                socket.create_server(("::", port), family=socket.AF_INET6),
            ):
                return port
        except OSError:
            continue
    raise AssertionError("no free port")


def publish(
    relay: PortRelay, host_ip: str, first: int, last: int = 0, target: int = 80
) -> tuple[PublishedPort, ...]:
    binding = PortBinding(Port(target), host_ip, first, last or first)
    return relay.publish(binding, "127.0.0.1", "web (1234)")


def answers(host: str, port: int, server: socket.socket) -> bool:
    """Return whether a connection to `host`:`port` comes out at `server`, with its bytes."""
    with socket.create_connection((host, port), LIMIT) as client:
        client.sendall(b"knock")
        with server.accept()[0] as inside:
            return inside.recv(5) == b"knock"


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), LIMIT).close()
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        pass  # accepted, and ended at once since nobody is behind the relay
    return True


def test_one_address(relay: PortRelay, server: socket.socket) -> None:
    """Is a port published on the one address that was asked for, and its record right?"""
    target = server.getsockname()[1]
    port = free_port()
    (published,) = publish(relay, "127.0.0.1", port, target=target)
    assert published == PublishedPort(target, "tcp", "127.0.0.1", port, "127.0.0.1")
    assert answers("127.0.0.1", port, server)
    assert not listens("127.0.0.2", port)


@requires_ipv6
def test_all_addresses(relay: PortRelay, server: socket.socket) -> None:
    """Without an address, is the same port open on IPv4 and on IPv6?"""
    published = publish(relay, "", 0, target=server.getsockname()[1])
    assert [each.host_ip for each in published] == ["0.0.0.0", "::"]
    ports = {each.host_port for each in published}
    assert len(ports) == 1
    assert answers("127.0.0.1", *ports, server)
    assert answers("::1", *ports, server)


@requires_ipv6
def test_an_ipv6_address(relay: PortRelay, server: socket.socket) -> None:
    """Can a port be published on an IPv6 address alone?"""
    (published,) = publish(relay, "::1", 0, target=server.getsockname()[1])
    assert answers("::1", published.host_port, server)
    assert not listens("127.0.0.1", published.host_port)


def test_a_port_of_our_own_is_allocated(relay: PortRelay) -> None:
    """Is a second mapping of a host port refused in Docker's words, as far as they overlap?"""
    port = free_port()
    publish(relay, "0.0.0.0", port)
    for host_ip in ("", "0.0.0.0", "127.0.0.1"):
        with pytest.raises(NetworkError) as caught:
            publish(relay, host_ip, port)
        assert caught.value.message == (
            f"{PREFIX}Bind for 0.0.0.0:{port} failed: port is already allocated"
        )


def test_different_addresses_share_a_port_number(relay: PortRelay) -> None:
    """May two mappings have the same port on different addresses, and then none on all?"""
    port = free_port()
    publish(relay, "127.0.0.1", port)
    publish(relay, "127.0.0.2", port)
    with pytest.raises(NetworkError, match=f"Bind for 127.0.0.1:{port} failed"):
        publish(relay, "", port)


def test_a_port_of_another_program(relay: PortRelay) -> None:
    """Is a port that someone else has refused in Docker's words, and not remembered as ours?"""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for _ in range(2):
            with pytest.raises(NetworkError) as caught:
                publish(relay, "0.0.0.0", port)
            assert caught.value.message == (
                f"{PREFIX}Error starting userland proxy: "
                f"listen tcp4 0.0.0.0:{port}: bind: address already in use"
            )
    publish(relay, "0.0.0.0", port)


@requires_ipv6
def test_half_a_success_is_undone(relay: PortRelay) -> None:
    """When the port is taken on IPv6 only, is it let go on IPv4 again?"""
    port = free_port()
    with socket.socket(socket.AF_INET6) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind(("::", port))
        other.listen()
        with pytest.raises(NetworkError, match=rf"listen tcp6 \[::\]:{port}: bind: address alre"):
            publish(relay, "", port)
        assert not listens("127.0.0.1", port)
        publish(relay, "0.0.0.0", port)


def test_an_address_that_the_host_does_not_have(relay: PortRelay) -> None:
    """Is a foreign address refused with the kernel's reason?"""
    with pytest.raises(NetworkError, match="bind: cannot assign requested address"):
        publish(relay, "192.0.2.1", free_port())


def test_a_range_gives_the_first_free_port(relay: PortRelay) -> None:
    """Does a range skip what is taken, by us or by others, and end with Docker's words?"""
    first = free_port()
    with socket.create_server(("127.0.0.1", first + 1)):
        got = [publish(relay, "127.0.0.1", first, first + 2)[0].host_port for _ in range(2)]
        assert got == [first, first + 2]
        with pytest.raises(NetworkError, match="bind: address already in use"):
            publish(relay, "127.0.0.1", first, first + 2)
    assert publish(relay, "127.0.0.1", first, first + 2)[0].host_port == first + 1
    with pytest.raises(NetworkError, match=r"\(1234\): all ports are allocated"):
        publish(relay, "127.0.0.1", first, first + 2)


def test_any_port_comes_from_the_kernels_range_in_order(relay: PortRelay) -> None:
    """Are ports of our choice taken upwards from the first that the kernel would choose?"""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first, last = map(int, file.read().split())
    ports = [publish(relay, "127.0.0.1", 0)[0].host_port for _ in range(3)]
    assert ports == sorted(set(ports))
    assert first <= ports[0] < ports[2] <= last
    assert ports[0] < first + 200


def test_a_port_just_freed_is_not_chosen_next() -> None:
    """Does the choice go round the range before it comes back to a port?"""
    first = free_port()
    ports = HostPorts((first, first + 2))
    seen = []
    for _ in range(4):
        port, (sock,) = ports.bind(["127.0.0.1"], 0, 0)
        sock.close()
        ports.release("127.0.0.1", port)
        seen.append(port)
    assert seen == [first, first + 1, first + 2, first]


def test_unpublishing(relay: PortRelay, server: socket.socket) -> None:
    """Is the port closed with its connections, free at once, and a second time no error?"""
    published = publish(relay, "127.0.0.1", 0, target=server.getsockname()[1])
    address = published[0].host_ip, published[0].host_port
    with socket.create_connection(address, LIMIT) as client:
        client.sendall(b"x")
        with server.accept()[0] as inside:
            inside.settimeout(LIMIT)
            assert inside.recv(1) == b"x"
            relay.unpublish(published)
            assert client.recv(1) == b""
            assert inside.recv(1) == b""
    assert not listens(*address)
    relay.unpublish(published)
    again = publish(relay, "127.0.0.1", address[1], target=server.getsockname()[1])
    # a record of an earlier mapping ends only what it describes
    relay.unpublish([PublishedPort(1, "tcp", *address, "127.0.0.1")])
    assert answers(*address, server)
    relay.unpublish(again)


def test_sctp_is_refused_by_name(relay: PortRelay) -> None:
    """Is what the relay cannot carry refused by name?"""
    with pytest.raises(Unsupported, match="does not publish ports of sctp: 53/sctp"):
        relay.publish(PortBinding(Port(53, "sctp")), "127.0.0.1", "dns (1)")


def test_after_closing(server: socket.socket) -> None:
    """Are ports closed with the relay, a later publish refused, and closing twice no error?"""
    relay = PortRelay(lambda kind: socket.socket())
    published = publish(relay, "127.0.0.1", 0, target=server.getsockname()[1])
    relay.close()
    relay.close()
    relay.unpublish(published)
    assert not listens("127.0.0.1", published[0].host_port)
    with pytest.raises(Unavailable):
        publish(relay, "127.0.0.1", 0)
