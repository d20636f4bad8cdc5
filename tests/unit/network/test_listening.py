"""Which ports are listened at: the kernel's own table, read."""

from __future__ import annotations

import os
import socket

from lab.network.listening import FIRST_CHOSEN, Listening, listening, parse


def test_own_ports() -> None:
    """Are this process's listeners found, by protocol and address, and its clients not?"""
    with (
        socket.create_server(("127.0.0.1", 0)) as loopback,
        socket.create_server(("", 0)) as everywhere,
        socket.create_connection(loopback.getsockname()) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        udp = _bind_low(datagrams)
        found = listening(os.getpid())
        assert Listening("tcp", loopback.getsockname()[1], "127.0.0.1") in found
        assert Listening("tcp", everywhere.getsockname()[1]) in found
        assert Listening("udp", udp) in found
        assert client.getsockname()[1] not in {each.port for each in found}
    assert Listening("udp", udp) not in listening(os.getpid())


def _bind_low(sock: socket.socket) -> int:
    """Bind a port that no client would be given."""
    for port in range(20000, 30000):
        try:
            sock.bind(("", port))
        except OSError:
            continue
        return port
    raise AssertionError("no free port")


def line(address: str, port: int, state: str = "0A") -> str:
    return f"   0: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 0 0 1"


def test_ipv6() -> None:
    """Is a server at all addresses of both families one at all, and an IPv6 loopback passed over?"""
    everywhere, loopback = "0" * 32, "0" * 24 + "01000000"
    lines = [line(everywhere, 80), line(loopback, 81), line(everywhere, 82, "01")]
    assert set(parse("tcp", lines)) == {Listening("tcp", 80)}


def test_udp_clients() -> None:
    """Is a UDP socket at a port of the kernel's choice taken for a client's?"""
    lines = [line("00000000", FIRST_CHOSEN, "07"), line("00000000", 53, "07")]
    assert set(parse("udp", lines)) == {Listening("udp", 53)}
