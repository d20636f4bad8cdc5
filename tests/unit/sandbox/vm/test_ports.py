"""Published ports: who has which, and what gets into QEMU's monitor."""

from __future__ import annotations

import socket

import pytest

from lab.errors import Unavailable
from lab.sandbox.vm.ports import Forwards


class FakeMonitor:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.complaint = ""

    def __call__(self, line: str) -> str:
        self.lines.append(line)
        return self.complaint


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def test_a_port_is_led_to_the_same_number_and_back() -> None:
    """Does the monitor get the rule, and later its end, and only once?"""
    monitor, port = FakeMonitor(), free_port()
    forwards = Forwards(monitor)
    assert forwards.publish("127.0.0.1", port, "tcp") == ""
    assert forwards.unpublish("127.0.0.1", port, "tcp") == ""
    assert forwards.unpublish("127.0.0.1", port, "tcp") == "not published"
    assert monitor.lines == [
        f"hostfwd_add net tcp:127.0.0.1:{port}-:{port}",
        f"hostfwd_remove net tcp:127.0.0.1:{port}",
    ]


@pytest.mark.parametrize(("kind", "protocol"), [("STREAM", "tcp"), ("DGRAM", "udp")])
def test_a_port_that_another_program_has(kind: str, protocol: str) -> None:
    """Is it refused in the kernel's words, without asking QEMU?"""
    monitor = FakeMonitor()
    with socket.socket(socket.AF_INET, getattr(socket, f"SOCK_{kind}")) as other:
        other.bind(("127.0.0.1", 0))
        if protocol == "tcp":
            other.listen()
        port = other.getsockname()[1]
        refusal = Forwards(monitor).publish("127.0.0.1", port, protocol)
    assert (refusal, monitor.lines) == ("address already in use", [])


def test_qemu_cannot() -> None:
    """Is a complaint or silence of QEMU a refusal, after which nothing is held?"""
    monitor, port = FakeMonitor(), free_port()
    forwards = Forwards(monitor)
    monitor.complaint = f"could not set up host forwarding rule 'tcp:127.0.0.1:{port}-:{port}'"
    assert forwards.publish("127.0.0.1", port, "tcp") == "address already in use"
    assert forwards.unpublish("127.0.0.1", port, "tcp") == "not published"

    def gone(line: str) -> str:
        raise Unavailable("QEMU has ended")

    assert Forwards(gone).publish("127.0.0.1", port, "tcp") == "QEMU has ended"


@pytest.mark.parametrize(
    ("address", "port", "protocol"),
    [
        ("127.0.0.1\nquit", 8080, "tcp"),
        ("0.0.0.0-:1", 8080, "tcp"),
        ("::1", 8080, "tcp"),
        (None, 8080, "tcp"),
        ("0.0.0.0", "8080\nquit", "tcp"),
        ("0.0.0.0", 0, "tcp"),
        ("0.0.0.0", 65536, "tcp"),
        ("0.0.0.0", True, "tcp"),
        ("0.0.0.0", 8080, "sctp"),
        ("0.0.0.0", 8080, None),
        ("0.0.0.0", 8080, "tcp:1.2.3.4"),
    ],
)
def test_a_guest_cannot_give_qemu_orders(address: object, port: object, protocol: object) -> None:
    """Is everything but an address, a port and a protocol refused before it reaches the monitor?"""
    monitor = FakeMonitor()
    assert Forwards(monitor).publish(address, port, protocol)
    assert monitor.lines == []
