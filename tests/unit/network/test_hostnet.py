"""Ports of the sandbox's own network: led to while they are listened at, and not longer."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from lab.network.hostnet import HostNetworkPorts
from lab.network.listening import Listening
from lab.network.ports import PortRelay

from .conftest import Harness
from .test_ports import free_port, listens


class Sandbox:
    """What is listened at in it; the test says so."""

    def __init__(self) -> None:
        self.found: set[Listening] = set()
        self.looks = 0

    def look(self) -> set[Listening]:
        self.looks += 1
        return set(self.found)


class Nobody(socket.socket):
    """A socket of a sandbox in which nobody answers: the test's own port must not lead to itself."""

    def connect(self, address: object) -> None:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens there")

    def connect_ex(self, address: object) -> int:
        return errno.ECONNREFUSED


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture
def ports(sandbox: Sandbox) -> Iterator[HostNetworkPorts]:
    relay = PortRelay(lambda kind: Nobody())
    made = HostNetworkPorts(relay, sandbox.look)
    yield made
    made.close()
    relay.close()


def test_a_port_comes_and_goes(ports: HostNetworkPorts, sandbox: Sandbox) -> None:
    """Is the host's port open as long as the sandbox's is, and as there are containers?"""
    port = free_port()
    ports.begin()
    sandbox.found = {Listening("tcp", port)}
    Harness.until(lambda: listens("127.0.0.1", port), "the port is led to")
    sandbox.found = set()
    Harness.until(lambda: not listens("127.0.0.1", port), "the port is let go")
    sandbox.found = {Listening("tcp", port)}
    Harness.until(lambda: listens("127.0.0.1", port), "the port is led to again")
    ports.end()
    Harness.until(lambda: not listens("127.0.0.1", port), "all is let go")
    looks = sandbox.looks
    ports.begin()
    Harness.until(lambda: sandbox.looks > looks, "it goes on")


def test_a_port_that_is_taken(ports: HostNetworkPorts, sandbox: Sandbox) -> None:
    """Is it told why a port is not led to, as long as it is wanted?"""
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        sandbox.found = {Listening("tcp", port)}
        ports.begin()
        Harness.until(lambda: bool(ports.refusals()), "the port is refused")
        (reason,) = ports.refusals()
        assert f"{port}/tcp of --network host" in reason and "address already in use" in reason
        sandbox.found = set()
        Harness.until(lambda: not ports.refusals(), "it is not wanted any more")


def test_a_look_that_fails(ports: HostNetworkPorts, sandbox: Sandbox) -> None:
    """Does one failed look leave what is led to as it is?"""
    port = free_port()
    sandbox.found = {Listening("tcp", port)}
    ports.begin()
    Harness.until(lambda: listens("127.0.0.1", port), "the port is led to")
    looks = 0

    def fail() -> set[Listening]:
        nonlocal looks
        looks += 1
        raise OSError("no such process")

    ports._look = fail  # type: ignore[method-assign]
    Harness.until(lambda: looks > 1, "it was looked again")
    assert listens("127.0.0.1", port)
