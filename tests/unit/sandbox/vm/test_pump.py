"""Connections coupled through a pair of muxes: as if client and server were connected directly."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.sandbox.vm.loop import Loop
from lab.sandbox.vm.mux import GUEST, HOST, Mux
from lab.sandbox.vm.pump import Pump
from lab.sandbox.vm.stream import Stream


class Tunnel:
    """Runs both ends in a thread; `connect` gives the two far ends of a new connection."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.wire = socket.socketpair()
        for sock in self.wire:
            sock.setblocking(False)
        self.servers: list[socket.socket] = []
        self.arrived = threading.Semaphore(0)
        self.pumps = 0
        self.host = Mux(self.loop, self.wire[0].fileno(), HOST, print, lambda: None)
        self.guest = Mux(self.loop, self.wire[1].fileno(), GUEST, print, lambda: None, self._accept)
        self.calls, self.caller = socket.socketpair()
        self.waiting: list[socket.socket] = []
        self.loop.watch(self.calls, 1, self._on_call)
        self.running = True
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def connect(self) -> tuple[socket.socket, socket.socket]:
        client, inner = socket.socketpair()
        self.waiting.append(inner)
        self.caller.send(b"c")
        assert self.arrived.acquire(timeout=10)
        server = self.servers.pop()
        for sock in (client, server):
            sock.settimeout(10)
        return client, server

    def close(self) -> None:
        self.running = False
        self.caller.send(b"e")
        self.thread.join(10)
        self.host.close()
        self.guest.close()
        self.loop.close()
        for sock in (*self.wire, self.calls, self.caller):
            sock.close()

    def _run(self) -> None:
        while self.running:
            self.loop.turn()

    def _on_call(self, events: int) -> None:
        self.calls.recv(100)
        while self.waiting:
            self._add(self.waiting.pop(), self.host.open({}))

    def _accept(self, stream: Stream, target: dict[str, object]) -> None:
        inner, server = socket.socketpair()
        self._add(inner, stream)
        self.servers.append(server)
        self.arrived.release()

    def _add(self, sock: socket.socket, stream: Stream) -> None:
        self.pumps += 1
        Pump(self.loop, sock, stream, self._on_end)

    def _on_end(self, pump: Pump) -> None:
        self.pumps -= 1


@pytest.fixture(scope="module")
def tunnel() -> Iterator[Tunnel]:
    made = Tunnel()
    yield made
    made.close()


def read_all(sock: socket.socket) -> bytes:
    content = b""
    while piece := sock.recv(65536):
        content += piece
    return content


@settings(deadline=None, max_examples=25)
@given(there=st.integers(0, 1_500_000), back=st.integers(0, 1_500_000), late=st.booleans())
def test_everything_arrives_and_ends(tunnel: Tunnel, there: int, back: int, late: bool) -> None:
    """Do client and server get all of each other's content and its end, at the same time or later?"""
    question, answer = b"q" * there, b"a" * back
    client, server = tunnel.connect()

    def serve() -> None:
        got = read_all(server) if late else b""
        server.sendall(answer)
        server.shutdown(socket.SHUT_WR)
        results.append(got or read_all(server))

    results: list[bytes] = []
    thread = threading.Thread(target=serve)
    thread.start()

    def ask() -> None:
        client.sendall(question)
        client.shutdown(socket.SHUT_WR)

    asking = threading.Thread(target=ask)
    asking.start()
    assert hashlib.sha256(read_all(client)).digest() == hashlib.sha256(answer).digest()
    asking.join(10)
    thread.join(10)
    assert results == [question]
    client.close()
    server.close()


def test_a_reader_that_sleeps_stops_the_writer(tunnel: Tunnel) -> None:
    """Is a writer held back when the other side does not read, instead of memory filling up?"""
    client, server = tunnel.connect()
    client.settimeout(0.5)
    sent = 0
    with pytest.raises(TimeoutError):
        while sent < 64 << 20:
            sent += client.send(bytes(65536))
    assert sent < 4 << 20
    other_client, other_server = tunnel.connect()
    other_client.send(b"not held back")
    assert other_server.recv(100) == b"not held back"
    client.close()
    assert len(read_all(server)) == sent
    for sock in (server, other_client, other_server):
        sock.close()


def test_a_client_that_leaves_is_noticed_by_the_server(tunnel: Tunnel) -> None:
    """Does a server that goes on writing learn that its client is gone?"""
    client, server = tunnel.connect()
    client.sendall(b"bye")
    client.close()
    assert read_all(server) == b"bye"
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(10000):
            server.sendall(bytes(65536))
    server.close()


def test_nothing_is_left(tunnel: Tunnel) -> None:
    """When both sides of a connection have closed, are the pumps of both ends gone?"""
    client, server = tunnel.connect()
    client.close()
    server.close()
    end = time.monotonic() + 10
    while tunnel.pumps and time.monotonic() < end:
        tunnel.caller.send(b"w")
    assert tunnel.pumps == 0
