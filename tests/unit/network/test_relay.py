"""What passes through a published port."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import select
import socket
import struct
import threading

import pytest

from lab.errors import Unavailable
from lab.network.pipes import PipePool
from lab.network.relay import Listener, Relay
from lab.network.splice import Connection, Progress

from .conftest import Harness

MEGABYTE = 1 << 20


def read_all(sock: socket.socket) -> bytes:
    pieces = []
    while piece := sock.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def echo(client: socket.socket) -> None:
    while piece := client.recv(65536):
        client.sendall(piece)


def reset(sock: socket.socket) -> None:
    """Close a connection so that its peer gets a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
    sock.close()


def test_megabytes_both_ways_at_once(harness: Harness) -> None:
    """Do random bytes arrive unchanged, in both directions at the same time?"""
    up, down = random.randbytes(8 * MEGABYTE), random.randbytes(7 * MEGABYTE)
    arrived: list[bytes] = []

    def server(client: socket.socket) -> None:
        reader = threading.Thread(target=lambda: arrived.append(read_all(client)))
        reader.start()
        client.sendall(down)
        client.shutdown(socket.SHUT_WR)
        reader.join(harness.limit)

    with harness.connect(harness.published(server)) as client:
        writer = threading.Thread(
            target=lambda: (client.sendall(up), client.shutdown(socket.SHUT_WR))
        )
        writer.start()
        got = read_all(client)
        writer.join(harness.limit)
    harness.until(lambda: bool(arrived), "the server has read everything")
    assert hashlib.sha256(got).digest() == hashlib.sha256(down).digest()
    assert hashlib.sha256(arrived[0]).digest() == hashlib.sha256(up).digest()


def test_many_small_pieces(harness: Harness) -> None:
    """Do single bytes, each its own packet, all arrive in order?"""
    text = bytes(random.randrange(256) for _ in range(3000))
    with harness.connect(harness.published(echo)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for value in text:
            client.send(bytes([value]))
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == text


def test_the_client_may_stop_sending_first(harness: Harness) -> None:
    """Does a server that answers only after the end of its input get that end, and is heard?"""

    def server(client: socket.socket) -> None:
        client.sendall(hashlib.sha256(read_all(client)).digest())

    data = random.randbytes(100_000)
    with harness.connect(harness.published(server)) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == hashlib.sha256(data).digest()


def test_the_server_may_stop_sending_first(harness: Harness) -> None:
    """Can a client go on sending to a server that has said its last word?"""
    heard: list[bytes] = []

    def server(client: socket.socket) -> None:
        client.sendall(b"go on")
        client.shutdown(socket.SHUT_WR)
        heard.append(read_all(client))

    with harness.connect(harness.published(server)) as client:
        assert read_all(client) == b"go on"
        client.sendall(b"one more thing")
    harness.until(lambda: bool(heard), "the server has heard the rest")
    assert heard == [b"one more thing"]


def test_300_connections_at_once(harness: Harness) -> None:
    """Do 300 open connections each get their own bytes back?"""
    port = harness.published(echo)
    clients = [harness.connect(port) for _ in range(300)]
    for number, client in enumerate(clients):
        client.sendall(b"%d" % number * 500)
    for client in clients:
        client.shutdown(socket.SHUT_WR)
    for number, client in enumerate(clients):
        with client:
            assert read_all(client) == b"%d" % number * 500


def test_a_slow_reader_slows_the_sender(harness: Harness) -> None:
    """Is no more taken from the server than the client's and the kernel's buffers hold?"""
    sent = 0

    def server(client: socket.socket) -> None:
        nonlocal sent
        while sent < 64 * MEGABYTE:
            client.sendall(bytes(65536))
            sent += 65536

    port = harness.published(server)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(harness.limit)
        client.connect((port.host_ip, port.host_port))
        harness.until(lambda: sent > 0, "the server has begun")
        # others are served all the while
        with harness.connect(harness.published(echo)) as other:
            before = -1
            while before != sent:
                before = sent
                for _ in range(50):
                    other.sendall(b"ping")
                    assert other.recv(4) == b"ping"
        assert 0 < sent < 32 * MEGABYTE
        total = 0
        while piece := client.recv(MEGABYTE):
            total += len(piece)
        assert total == 64 * MEGABYTE


def test_a_container_that_does_not_listen(harness: Harness) -> None:
    """Is the client's connection reset when nothing listens in the container?"""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = harness.publish(unused.getsockname()[1])
        with pytest.raises(ConnectionResetError), harness.connect(port) as client:
            client.recv(1)


def test_no_socket_towards_the_containers(harness: Harness) -> None:
    """Is only that client reset when the sandbox gives no socket, and the next one served?"""
    port = harness.published(echo)

    def refuse() -> None:
        raise Unavailable("the spawner is gone")

    harness.before_socket = refuse
    with pytest.raises(ConnectionResetError), harness.connect(port) as client:
        client.recv(1)
    harness.before_socket = lambda: None
    with harness.connect(port) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"


def test_trouble_of_the_relay_itself(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Is an error that nobody thought of told in a sentence, and does the thread go on?"""
    port = harness.published(echo)
    accept, failed = Relay._accept, threading.Event()

    def fail_once(self: Relay, listener: Listener) -> None:
        if not failed.is_set():
            failed.set()
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        accept(self, listener)

    monkeypatch.setattr(Relay, "_accept", fail_once)
    with harness.connect(port) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
    assert caplog.messages == ["published ports: [Errno 12] Cannot allocate memory"]


def test_a_server_that_resets(harness: Harness) -> None:
    """Does the client get what was sent before the reset, and then the reset?"""

    def server(client: socket.socket) -> None:
        client.recv(1)
        client.sendall(b"oh no")
        client.recv(1)
        reset(client)

    with harness.connect(harness.published(server)) as client:
        client.sendall(b"x")
        assert client.recv(100) == b"oh no"
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_client_that_resets(harness: Harness) -> None:
    """Does the server's end close when the client is gone for good, idle though it was?"""
    outcome: list[str] = []

    def server(client: socket.socket) -> None:
        client.sendall(b"welcome")
        try:
            outcome.append(f"read {len(client.recv(1))}")
        except ConnectionResetError:
            outcome.append("reset")

    client = harness.connect(harness.published(server))
    assert client.recv(7) == b"welcome"
    reset(client)
    harness.until(lambda: bool(outcome), "the server has noticed")
    assert outcome == ["reset"]


def test_a_client_that_resets_after_its_last_word(harness: Harness) -> None:
    """Does a server that sends nothing notice too when a half-closed client goes for good?"""
    outcome: list[int] = []

    def server(client: socket.socket) -> None:
        read_all(client)
        client.sendall(b"all read")
        poll = select.poll()
        poll.register(client, 0)
        outcome.extend(events for _, events in poll.poll(harness.limit * 1000))

    client = harness.connect(harness.published(server))
    client.shutdown(socket.SHUT_WR)
    assert client.recv(8) == b"all read"
    reset(client)
    harness.until(lambda: bool(outcome), "the server has noticed")
    assert outcome[0] & select.POLLERR


def test_a_reset_that_only_reading_shows() -> None:
    """Is a connection done when its client has reset it, though the event told of bytes only?"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ends = []
        for _ in range(2):
            outer = socket.create_connection(server.getsockname())
            inner, _ = server.accept()
            inner.setblocking(False)
            ends.append((outer, inner))
    (client, ours), (container, upstream) = ends
    pipes = PipePool()
    connection = Connection(ours, upstream)
    connected = connection.on_event(upstream.fileno(), select.EPOLLOUT, pipes)
    reset(client)
    after = connection.on_event(ours.fileno(), select.EPOLLIN, pipes)
    connection.close(pipes)
    pipes.close()
    with container, pytest.raises(ConnectionResetError):
        container.recv(1)
    assert (connected, after) == (Progress.WAITING, Progress.DONE)
