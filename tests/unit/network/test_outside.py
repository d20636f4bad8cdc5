"""Publishing from within a virtual machine: each port is asked for outside as well."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from lab.errors import NetworkError
from lab.network.bindings import Port, PortBinding
from lab.network.hostports import ipv6_usable
from lab.network.ports import PortRelay, PublishedPort

from .test_ports import answers, free_port, listens, publish

Mapping = tuple[str, int]


@dataclass
class Machine:
    """The machine outside, some of whose ports are taken."""

    taken: dict[int, str] = field(default_factory=dict)
    open: list[Mapping] = field(default_factory=list)
    asked: list[Mapping] = field(default_factory=list)

    def publish(self, address: str, port: int, protocol: str) -> str:
        assert protocol == "tcp"
        self.asked.append((address, port))
        refusal = self.taken.get(port, "")
        if not refusal:
            self.open.append((address, port))
        return refusal

    def unpublish(self, address: str, port: int, protocol: str) -> str:
        self.open.remove((address, port))
        return ""


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def relay(machine: Machine) -> Iterator[PortRelay]:
    start = free_port()
    relay = PortRelay(lambda kind: socket.socket(), (start, start + 3), machine)
    yield relay
    relay.close()
    assert machine.open == []


def test_a_port_is_published_outside(relay: PortRelay, machine: Machine) -> None:
    """Is the IPv4 port open outside while it is published, and does it lead to the container?"""
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as server:
        published = publish(relay, "", port, target=server.getsockname()[1])
        assert machine.open == [("0.0.0.0", port)]
        assert answers("127.0.0.1", port, server)
    assert len(published) == 1 + ipv6_usable()
    relay.unpublish(published)
    assert machine.open == []
    assert not listens("127.0.0.1", port)


@pytest.mark.parametrize("address", ["127.0.0.1", "203.0.113.9"])
def test_addresses_of_the_machine_outside(relay: PortRelay, machine: Machine, address: str) -> None:
    """Can an address be named that is not one of ours, and is it the outside that binds it?"""
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = server.getsockname()[1]
        [published] = publish(relay, address, port, target=target)
        assert published == PublishedPort(target, "tcp", address, port, "127.0.0.1")
        assert machine.open == [(address, port)]
        # connections from outside arrive at an address of our own
        assert answers("127.0.0.2", port, server)
    relay.unpublish([published])


def test_a_port_that_is_taken_outside(relay: PortRelay, machine: Machine) -> None:
    """Is it refused in Docker's words, with nothing left bound?"""
    port = free_port()
    machine.taken[port] = "address already in use"
    with pytest.raises(NetworkError) as raised:
        publish(relay, "", port)
    assert raised.value.message.endswith(
        f"userland proxy: listen tcp4 0.0.0.0:{port}: bind: address already in use"
    )
    assert not listens("127.0.0.1", port)
    del machine.taken[port]
    relay.unpublish(publish(relay, "", port))


def test_what_was_opened_before_a_refusal_is_closed(
    relay: PortRelay, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is nothing open outside when the second of two addresses is refused?"""
    monkeypatch.setattr(relay, "everywhere", ("0.0.0.0", "203.0.113.9"))
    monkeypatch.setattr("lab.network.hostports._listen", lambda *_: socket.socket())
    port = free_port()
    refuse = machine.publish

    def second(address: str, number: int, protocol: str) -> str:
        if address == "203.0.113.9":
            return "cannot assign requested address"
        return refuse(address, number, protocol)

    monkeypatch.setattr(machine, "publish", second)
    with pytest.raises(NetworkError, match=r"203.0.113.9:\d+: bind: cannot assign requested"):
        publish(relay, "", port)
    assert machine.open == []


def test_a_privileged_port(relay: PortRelay, machine: Machine) -> None:
    """Is a port that only the outside refuses for want of privilege explained, with a hint?"""
    machine.taken[81] = "Permission denied"
    with pytest.raises(NetworkError, match="cannot expose privileged port 81") as raised:
        publish(relay, "127.0.0.1", 81)
    assert "8081" in raised.value.hint


def test_any_port_is_one_that_is_free_outside(relay: PortRelay, machine: Machine) -> None:
    """Are ports passed over that something has outside?"""
    binding = PortBinding(Port(80), "127.0.0.1")
    [first] = relay.publish(binding, "127.0.0.1", "web (1)")
    machine.taken[first.host_port + 1] = "address already in use"
    [second] = relay.publish(binding, "127.0.0.1", "web (2)")
    assert second.host_port == first.host_port + 2


def test_an_outside_that_is_gone_is_asked_once(relay: PortRelay, machine: Machine) -> None:
    """Does a refusal that no other port would change end the search for one?"""
    machine.publish = lambda *_: "the launcher does not answer"  # type: ignore[method-assign]
    with pytest.raises(NetworkError, match="the launcher does not answer"):
        relay.publish(PortBinding(Port(80), "127.0.0.1"), "127.0.0.1", "web (1)")


@pytest.mark.skipif(not ipv6_usable(), reason="no IPv6 loopback here")
def test_ipv6_stays_inside(relay: PortRelay, machine: Machine) -> None:
    """Is an IPv6 port published here, and not asked for outside?"""
    port = free_port()
    published = publish(relay, "::1", port)
    assert machine.asked == []
    assert listens("::1", port)
    relay.unpublish(published)
