"""Publishing UDP ports of the host: what is bound, what is refused, and in what words."""

from __future__ import annotations

import socket

import pytest

from lab.errors import NetworkError
from lab.network.bindings import Port, PortBinding
from lab.network.ports import PortRelay

from .test_ports import LIMIT, PREFIX, free_port, publish


def udp_relay() -> PortRelay:
    kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
    return PortRelay(lambda kind: socket.socket(socket.AF_INET, kinds[kind]))


def test_udp() -> None:
    """Is a UDP port served beside the TCP port of the same number, refused twice, and let go?"""
    relay = udp_relay()
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(LIMIT)
        binding = PortBinding(Port(server.getsockname()[1], "udp"), "127.0.0.1", port, port)
        published = relay.publish(binding, "127.0.0.1", "dns (1234)")
        publish(relay, "127.0.0.1", port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(LIMIT)
            client.connect(("127.0.0.1", port))
            client.send(b"question")
            data, sender = server.recvfrom(100)
            server.sendto(data + b"!", sender)
            assert client.recv(100) == b"question!"
        with pytest.raises(NetworkError, match=f":{port} failed: port is already allocated"):
            relay.publish(binding, "127.0.0.1", "dns (1234)")
        relay.unpublish(published)
        relay.unpublish(relay.publish(binding, "127.0.0.1", "dns (1234)"))
    relay.close()


def test_a_udp_port_of_another_program() -> None:
    """Is it refused in Docker's words, naming the protocol?"""
    relay = udp_relay()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        binding = PortBinding(Port(53, "udp"), "127.0.0.1", port, port)
        with pytest.raises(NetworkError) as caught:
            relay.publish(binding, "127.0.0.1", "web (1234)")
    assert caught.value.message == (
        f"{PREFIX}Error starting userland proxy: "
        f"listen udp4 127.0.0.1:{port}: bind: address already in use"
    )
    relay.close()
