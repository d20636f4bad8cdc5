"""The embedded DNS, on sockets of the test's own namespace."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address

import pytest

from lab.kernel import channel
from lab.network import dns, forward, resolver
from lab.network.forward import Server
from lab.network.names import Entry, NameTable
from tests.conftest import until
from tests.unit.network.test_dns import parsed, question

WEB = IPv4Address("10.0.0.2")
LIMIT = 5.0


class Upstream:
    """A name server: answers over UDP and TCP with `reply(query)`; None: nothing at all."""

    def __init__(self, reply: Callable[[dns.Query], bytes | None]) -> None:
        self._reply = reply
        self.seen: list[str] = []
        self._udp, self._tcp = _both_kinds()
        self.port = self._udp.getsockname()[1]
        self._threads = [threading.Thread(target=run) for run in (self._datagrams, self._streams)]
        for thread in self._threads:
            thread.start()

    @property
    def server(self) -> Server:
        return Server("127.0.0.1", port=self.port)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._tcp.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._udp.close()
        self._tcp.close()

    def _datagrams(self) -> None:
        while data := self._udp.recvfrom(4096):
            if not data[0]:
                return
            self._answer(data[0], lambda answer: self._udp.sendto(answer, data[1]))

    def _streams(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection:
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        def send(answer: bytes) -> None:
            connection.sendall(struct.pack(">H", len(answer)) + answer)

        if data := connection.recv(4096):
            self._answer(data[2:], send)

    def _answer(self, data: bytes, send: Callable[[bytes], object]) -> None:
        query = parsed(data)
        self.seen.append(query.name)
        answer = self._reply(query)
        if answer is not None:
            send(answer)


def _both_kinds() -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on one port, which both kinds have free."""
    while True:
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind(("127.0.0.1", 0))
        try:
            return datagrams, socket.create_server(datagrams.getsockname())
        except OSError:
            datagrams.close()


class Client:
    """A container that the resolver serves, as its sockets and as questions to them."""

    def __init__(self, service: resolver.Resolver, servers: list[Server], outside: bool) -> None:
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.udp, self.tcp = self._udp.getsockname(), self._tcp.getsockname()
        ours, theirs = channel.pair()
        service.expect("me", theirs, servers, outside)
        with ours, self._udp, self._tcp:
            channel.send(ours, {}, [self._udp.fileno(), self._tcp.fileno()])

    def ask(self, name: str, type: int = dns.A) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(LIMIT)
            sock.sendto(question(name, type), self.udp)
            return sock.recv(4096)

    def converse(self, *names: str) -> list[bytes]:
        with socket.create_connection(self.tcp, LIMIT) as sock, sock.makefile("rb") as file:
            for data in map(question, names):
                sock.sendall(struct.pack(">H", len(data)) + data)
            return [file.read(struct.unpack(">H", file.read(2))[0]) for _ in names]


Serve = Callable[..., Client]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that starts a resolver for one container, which knows `web`."""
    names = NameTable()
    names.put("me", Entry("app", IPv4Address("10.0.0.1"), ("me",)))
    names.put("web", Entry("app", WEB, ("web",)))
    service = resolver.Resolver(
        names, lambda: [], lambda kind: socket.socket(type=socket.SOCK_DGRAM)
    )
    yield lambda *servers, outside=True: Client(service, list(servers), outside)
    service.close()


@pytest.fixture
def upstream() -> Iterator[Callable[[Callable[[dns.Query], bytes | None]], Upstream]]:
    """A function that starts a name server."""
    made: list[Upstream] = []

    def start(reply: Callable[[dns.Query], bytes | None]) -> Upstream:
        made.append(Upstream(reply))
        return made[-1]

    yield start
    for each in made:
        each.close()


Start = Callable[[Callable[[dns.Query], bytes | None]], Upstream]


def known(query: dns.Query) -> bytes:
    return dns.with_addresses(query, [IPv4Address("192.0.2.7")])


def test_names_of_the_network(serve: Serve) -> None:
    """Are names, both ways, answered, and questions for IPv6 addresses of them with none?"""
    client = serve()
    assert client.ask("web").endswith(WEB.packed)
    assert client.ask("web", dns.AAAA)[6:8] == b"\0\0"
    assert dns.code_of(client.ask("web", dns.AAAA)) == dns.NO_ERROR
    assert client.ask("2.0.0.10.in-addr.arpa", dns.PTR).endswith(b"\x03web\x03app\x00")


def test_over_tcp(serve: Serve) -> None:
    """Are several questions of one connection answered?"""
    first, second = serve().converse("web", "me")
    assert first.endswith(WEB.packed) and second.endswith(b"\x0a\x00\x00\x01")


def test_others_are_asked(serve: Serve, upstream: Start) -> None:
    """Does what is not known here come from outside, over UDP and over TCP?"""
    other = upstream(known)
    client = serve(other.server)
    assert client.ask("example.com").endswith(b"\xc0\x00\x02\x07")
    assert client.converse("example.org")[0].endswith(b"\xc0\x00\x02\x07")
    assert client.ask("web").endswith(WEB.packed)
    assert other.seen == ["example.com", "example.org"]


def test_the_next_server(serve: Serve, upstream: Start) -> None:
    """Is the next server asked when one fails, and when nobody listens?"""
    broken = upstream(lambda query: dns.without_content(query, dns.SERVER_FAILURE))
    good = upstream(known)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = Server("127.0.0.1", port=unused.getsockname()[1])
    client = serve(nobody, broken.server, good.server)
    assert client.ask("example.com").endswith(b"\xc0\x00\x02\x07")
    assert broken.seen == ["example.com"]


def test_without_a_server(serve: Serve) -> None:
    """Is the end of all servers a failure at once, not a silence?"""
    begin = time.monotonic()
    answer = serve().ask("example.com")
    assert dns.code_of(answer) == dns.SERVER_FAILURE
    assert time.monotonic() - begin < 1


def test_a_silent_server(serve: Serve, upstream: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a server that says nothing given up, and others served meanwhile?"""
    monkeypatch.setattr(forward, "SERVER_SECONDS", 0.1)
    client = serve(upstream(lambda query: None).server)
    assert dns.code_of(client.ask("example.com")) == dns.SERVER_FAILURE


def test_no_way_out(serve: Serve, upstream: Start) -> None:
    """Does a container without a way out get no answers from outside?"""
    other = upstream(known)
    client = serve(other.server, outside=False)
    assert dns.code_of(client.ask("example.com")) == dns.SERVER_FAILURE
    assert other.seen == []


def test_who_asks_too_much(serve: Serve, upstream: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a container that asks more than its share refused, without harm to what is known here?"""
    monkeypatch.setattr(resolver, "_MOST_FORWARDS", 3)
    client = serve(upstream(lambda query: None).server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(LIMIT)
        for number in range(4):
            sock.sendto(question(f"a{number}.example"), client.udp)
        assert dns.code_of(sock.recv(4096)) == dns.REFUSED
    assert client.ask("web").endswith(WEB.packed)


def test_too_many_connections(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are connections beyond a container's share closed, and free again when others end?"""
    monkeypatch.setattr(resolver, "_MOST_CONVERSATIONS", 1)
    client = serve()
    with socket.create_connection(client.tcp, LIMIT) as first:
        first.sendall(b"\0")
        with socket.create_connection(client.tcp, LIMIT) as second:
            assert second.recv(1) == b""
    until(lambda: _answers(client), what="a connection is free again")


def _answers(client: Client) -> bool:
    try:
        return client.converse("web")[0].endswith(WEB.packed)
    except (OSError, struct.error):
        return False
