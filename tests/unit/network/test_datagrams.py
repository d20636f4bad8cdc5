"""UDP through a published port: answers, several clients, silence, an end."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from lab.network.datagrams import Datagrams
from lab.network.hostports import ipv6_usable
from lab.network.published import PublishedUdp

LIMIT = 10.0


def udp(address: str = "127.0.0.1") -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 0))
    sock.settimeout(LIMIT)
    return sock


class Echo:
    """A server that sends back what it gets, and remembers from where it came."""

    def __init__(self) -> None:
        self.socket = udp()
        self.clients: list[tuple[str, int]] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        return self.socket.getsockname()  # type: ignore[no-any-return]

    def close(self) -> None:
        with udp() as last:
            last.sendto(b"", self.address)
        self._thread.join(LIMIT)
        self.socket.close()

    def _run(self) -> None:
        while True:
            data, client = self.socket.recvfrom(65535)
            if not data:
                return
            self.clients.append(client)
            self.socket.sendto(data, client)


class Harness:
    def __init__(self, **settings: float) -> None:
        self.carrier = Datagrams(**settings)  # type: ignore[arg-type]
        self.echo = Echo()
        self.local_ports: set[int] = set()

    def publish(self, address: str = "127.0.0.1") -> tuple[PublishedUdp, int]:
        sock = udp(address)
        made = PublishedUdp(sock, self.echo.address, lambda _: udp("0.0.0.0"), self.local_ports)
        number = sock.getsockname()[1]
        self.carrier.add(made)
        return made, number

    def close(self) -> None:
        self.carrier.close()
        self.echo.close()


@pytest.fixture
def harness() -> Iterator[Harness]:
    before = len(os.listdir("/proc/self/fd"))
    it = Harness()
    yield it
    it.close()
    assert len(os.listdir("/proc/self/fd")) == before and not it.local_ports


def ask(client: socket.socket, address: tuple[str, int], data: bytes) -> bytes:
    client.sendto(data, address)
    answer, sender = client.recvfrom(65535)
    assert sender == address
    return answer


def test_answers(harness: Harness) -> None:
    """Does each client get its own answers, large ones too, and keep its socket?"""
    _, port = harness.publish()
    with udp() as one, udp() as other:
        for data in (b"a", b"b" * 40_000, b"c"):
            assert ask(one, ("127.0.0.1", port), data) == data
            assert ask(other, ("127.0.0.1", port), data + b"!") == data + b"!"
    assert len(set(harness.echo.clients)) == 2
    assert len(harness.local_ports) == 2


def test_the_address_that_was_asked(harness: Harness) -> None:
    """Does the answer come from the very address that a client asked, of several?"""
    _, port = harness.publish("0.0.0.0")
    with udp() as client:
        for address in ("127.0.0.1", "127.5.6.7"):
            assert ask(client, (address, port), b"who") == b"who"


@pytest.mark.skipif(not ipv6_usable(), reason="no IPv6 loopback here")
def test_ipv6(harness: Harness) -> None:
    """Is a client of IPv6 answered, from the address that it asked?"""
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("::", 0))
    port = sock.getsockname()[1]
    target = harness.echo.address
    harness.carrier.add(PublishedUdp(sock, target, lambda _: udp("0.0.0.0"), set()))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.settimeout(LIMIT)
        client.connect(("::1", port))
        client.send(b"six")
        assert client.recv(100) == b"six"


def test_removal(harness: Harness) -> None:
    """Is a port that is removed closed, with its clients' sockets?"""
    made, port = harness.publish()
    with udp() as client:
        ask(client, ("127.0.0.1", port), b"x")
        harness.carrier.remove(made)
        harness.carrier.remove(made)
        assert not harness.local_ports
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", port))


def test_too_many_clients() -> None:
    """Does the one that was silent for the longest time make room for a new one?"""
    harness = Harness(most=2)
    try:
        _, port = harness.publish()
        with udp() as one, udp() as two, udp() as three:
            for client in (one, two, three):
                assert ask(client, ("127.0.0.1", port), b"x") == b"x"
        assert len(harness.local_ports) == 2
    finally:
        harness.close()


def test_a_server_that_is_not_there(harness: Harness) -> None:
    """Do datagrams for a server that does not listen do no harm, and reach it when it does?"""
    sock = udp()
    port = sock.getsockname()[1]
    with udp() as vacant:
        target = vacant.getsockname()
    harness.carrier.add(PublishedUdp(sock, target, lambda _: udp("0.0.0.0"), set()))
    with udp() as client:
        client.settimeout(0.05)
        for _ in range(3):
            client.sendto(b"x", ("127.0.0.1", port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(target)
            server.settimeout(0.05)
            end = time.monotonic() + LIMIT
            while time.monotonic() < end:
                client.sendto(b"now", ("127.0.0.1", port))
                try:
                    assert server.recv(100) in (b"x", b"now")
                    return
                except TimeoutError:
                    continue
    pytest.fail("the server got nothing")
