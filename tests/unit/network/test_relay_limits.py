"""What the relay does when resources are short or something is wrong with itself."""

from __future__ import annotations

import gc
import resource
import socket
import struct
import threading
import time
from contextlib import suppress

import pytest

from lab.network.pipes import PipePool
from lab.network.splice import Connection

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


def alive() -> list[Connection]:
    """Return the connections that anything still refers to."""
    return [each for each in gc.get_objects() if isinstance(each, Connection)]


def test_2000_connections_leave_nothing_open(harness: Harness) -> None:
    """Are there as many descriptors after 2000 connections of every kind as before?"""

    def server(client: socket.socket) -> None:
        kind = client.recv(1)
        if kind == b"e":
            client.sendall(read_all(client))
        elif kind == b"r":
            reset(client)
        elif kind == b"b":
            client.sendall(bytes(4 * MEGABYTE))

    port = harness.published(server)
    with harness.connect(port) as client:
        client.sendall(b"e")
        client.shutdown(socket.SHUT_WR)
        read_all(client)
    harness.until(lambda: threading.active_count() <= 4, "the server's threads are idle")
    before = harness.open_fds()
    for number in range(2000):
        with harness.connect(port) as client:
            client.sendall(b"erb0"[number % 4 : number % 4 + 1])
            if number % 4 == 0:
                client.sendall(b"some text")
                client.shutdown(socket.SHUT_WR)
                assert read_all(client) == b"some text"
            elif number % 4 == 2:
                assert client.recv(1)
    # an empty pipe or two are kept for the next connection
    harness.until(lambda: harness.open_fds() <= before + 4, "all connections are closed")
    harness.until(lambda: not alive(), "all connections are forgotten")


def test_descriptors_run_out(harness: Harness) -> None:
    """Does the relay wait for descriptors without spinning, and then serve who is waiting?"""
    port = harness.published(echo)
    with harness.connect(port) as first:
        first.sendall(b"1")
        assert first.recv(1) == b"1"
        waiting = [socket.socket() for _ in range(3)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # as if all were in use: no new number is below the limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            for sock in waiting:
                sock.settimeout(harness.limit)
                sock.connect((port.host_ip, port.host_port))
                sock.sendall(b"w")
            used = cpu_of_relay()
            # meanwhile a connection that is open goes on
            for _ in range(200):
                first.sendall(b"2")
                assert first.recv(1) == b"2"
            waiting[0].settimeout(0.35)
            with pytest.raises(TimeoutError):
                waiting[0].recv(1)
            assert cpu_of_relay() - used < 0.2
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for sock in waiting:
            sock.settimeout(harness.limit)
            with sock:
                assert sock.recv(1) == b"w"


def cpu_of_relay() -> float:
    """Return the processor time that the relay's thread has used, in seconds."""
    (thread,) = (each for each in threading.enumerate() if each.name == "port relay")
    assert thread.ident
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def test_a_connection_without_a_pipe_waits_for_one(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Do bytes arrive late rather than never when no pipe can be had for a while?"""
    port = harness.published(echo)
    take = PipePool.take
    refused = threading.Semaphore(0)

    def refuse(pool: PipePool) -> None:
        refused.release()

    monkeypatch.setattr(PipePool, "take", refuse)
    with harness.connect(port) as client:
        client.sendall(b"patience")
        for _ in range(3):
            assert refused.acquire(timeout=harness.limit)
        monkeypatch.setattr(PipePool, "take", take)
        assert client.recv(8) == b"patience"


def test_a_fault_in_one_connection_spares_the_others(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Does an error of our own end only the connection it came from, with a line in the log?"""
    port = harness.published(echo)

    def fail(pool: PipePool) -> None:
        raise ValueError("a bug")

    with harness.connect(port) as client, monkeypatch.context() as patch:
        patch.setattr(PipePool, "take", fail)
        client.sendall(b"x")
        # the byte was not read, so the kernel may end the connection by a reset
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert "a connection to a published port failed" in caplog.text
    with harness.connect(port) as client:
        client.sendall(b"y")
        assert client.recv(1) == b"y"
