"""The guest's first process, as far as it needs no machine: messages, streams, commands."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from lab.kernel import channel
from lab.sandbox.ids import guest_ids
from lab.sandbox.vm import guest, guest_fresh
from lab.sandbox.vm.guest import Guest
from lab.sandbox.vm.guest_engine import Engine
from lab.sandbox.vm.loop import Loop
from lab.sandbox.vm.mux import HOST, Message, Mux
from lab.sandbox.vm.stream import Stream


@dataclass
class Answer:
    """Receives a stream; `patient` lets the other side wait for room."""

    stream: Stream
    patient: bool = False
    output: bytes = b""
    ends: list[str] = field(default_factory=list)

    def data(self, content: memoryview) -> None:
        self.output += content
        if not self.patient:
            self.stream.consumed(len(content))

    def finished(self) -> None:
        self.ends.append("finished")

    def lost(self) -> None:
        self.ends.append("lost")

    def resumed(self) -> None:
        return


class Machine:
    """A guest's first process, the host that it speaks with, and the launcher that it has forked."""

    def __init__(self) -> None:
        self.wire = socket.socketpair()
        self.launcher, control = channel.pair()
        said, self.said = os.pipe2(os.O_NONBLOCK)
        self.engine = Engine(-5, control, said, guest_ids(1000, 1000))
        for sock in (*self.wire, self.launcher):
            sock.setblocking(False)
        self.guest = Guest(self.wire[1].fileno(), self.engine)
        self.loop = Loop()
        self.heard: list[Message] = []
        self.host = Mux(self.loop, self.wire[0].fileno(), HOST, self.heard.append, lambda: None)

    def turn(self, *wanted: str, limit: float = 10.0) -> list[Message]:
        """Let both sides work until the host has heard these messages; return and forget them."""
        end = time.monotonic() + limit
        while [each["op"] for each in self.heard] != list(wanted) and time.monotonic() < end:
            self.round()
        found, self.heard[:] = list(self.heard), []
        assert [each["op"] for each in found] == list(wanted)
        return found

    def round(self) -> None:
        self.guest._loop.turn(0.005)
        self.loop.turn(0.005)

    def until(self, condition: Callable[[], object]) -> None:
        """Let both sides work until something holds."""
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end
            self.round()

    def told(self) -> channel.Message:
        """What the launcher is told."""
        for _ in range(500):
            self.round()
            try:
                received = channel.receive(self.launcher)
            except BlockingIOError:
                continue
            assert received is not None
            return received[0]
        raise AssertionError("the launcher is told nothing")

    def run(self, *argv: str, patient: bool = False) -> Answer:
        stream = self.host.open({"exec": list(argv)})
        stream.receiver = answer = Answer(stream, patient)
        return answer

    def ends_of(self, target: Message) -> list[str]:
        """How a stream ends by itself."""
        stream = self.host.open(target)
        stream.receiver = answer = Answer(stream)
        self.until(lambda: answer.ends)
        return answer.ends

    def close(self) -> None:
        for mux in (self.host, self.guest._mux):
            mux.close()
        for loop in (self.loop, self.guest._loop):
            loop.close()
        for sock in (*self.wire, self.launcher, self.engine.control):
            sock.close()
        for fd in (self.engine.said, self.said, self.guest._wake):
            os.close(fd)


@pytest.fixture
def machine() -> Iterator[Machine]:
    before = signal.getsignal(signal.SIGCHLD)
    made = Machine()
    yield made
    os.close(signal.set_wakeup_fd(-1))
    signal.signal(signal.SIGCHLD, before)
    made.close()


def test_what_the_engine_says(machine: Machine) -> None:
    """Is the host told what the launcher says, and what its processes print?"""
    for operation in ("warm", "ready"):
        channel.send(machine.launcher, {"op": operation})
        assert machine.turn(operation) == [{"op": operation}]
    os.write(machine.said, "lab: 안녕\n".encode())
    assert machine.turn("said")[0]["text"] == "lab: 안녕\n"
    os.write(machine.said, b"\xff more")
    assert machine.turn("said")[0]["text"] == "\ufffd more"


def test_ports(machine: Machine) -> None:
    """Is each question about a port answered to the one who asked, in whatever order?"""
    asking = []
    for port in (80, 81):
        ours, theirs = channel.pair()
        ours.settimeout(5)
        question = {"op": "publish", "address": "0.0.0.0", "port": port, "protocol": "tcp"}
        channel.send(machine.launcher, question, [theirs.fileno()])
        theirs.close()
        asking.append(ours)
    first, second = machine.turn("publish", "publish")
    assert (first["port"], second["port"]) == (80, 81)
    for number, refusal in ((second["id"], "taken"), (first["id"], ""), (99, "nobody asked")):
        machine.host.send({"op": "published", "id": number, "refusal": refusal})
    for _ in range(20):
        machine.round()
    answers = []
    for each in asking:
        received = channel.receive(each)
        assert received is not None
        answers.append(received[0]["refusal"])
        each.close()
    assert answers == ["", "taken"]


def test_a_host_that_does_not_answer(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a question answered after a while all the same?"""
    monkeypatch.setattr(guest, "_ANSWER_LIMIT", 0.01)
    ours, theirs = channel.pair()
    with ours, theirs:
        ours.settimeout(5)
        channel.send(machine.launcher, {"op": "unpublish"}, [theirs.fileno()])
        machine.turn("unpublish")
        for _ in range(10):
            machine.round()
        assert channel.receive(ours) == ({"refusal": "the host does not answer"}, [])


def test_going_on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are clock, randomness and disks seen to before the engine goes on, and only once?"""
    done: list[object] = []
    monkeypatch.setattr(guest_fresh, "set_clock", done.append)
    monkeypatch.setattr(guest_fresh, "add_entropy", done.append)
    monkeypatch.setattr(Engine, "mount", lambda self, *given: done.append(given[1:]) or given[0])
    monkeypatch.setattr(Engine, "adapt", lambda self, room: done.append(room["free"]))
    room = {"free": 7, "allocated": 0}
    for _ in range(2):
        machine.host.send(
            {
                "op": "go",
                "time": 1e9,
                "entropy": "0aff",
                "catalog": "/c",
                "own": "/home/me/engine",
                "room": room,
            }
        )
    machine.host.send({"op": "room", "free": 9, "allocated": 0})
    machine.host.send({"op": "stop"})
    assert machine.told() == {"op": "go", "catalog": "/c", "own": "/home/me/engine"}
    assert machine.told() == {"op": "stop"}
    assert done == [1e9, b"\x0a\xff", ("/home/me/engine", room), 9]


def test_what_cannot_go_on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is the host told why, and the engine ended, if something fails?"""
    monkeypatch.setattr(guest_fresh, "set_clock", lambda seconds: None)
    machine.host.send({"op": "go", "time": 1e9, "entropy": "no digits"})
    assert "hexadecimal" in machine.turn("failed")[0]["reason"]
    assert machine.told() == {"op": "stop"}


def test_a_host_that_is_gone(machine: Machine) -> None:
    """Is the engine ended when nobody can reach it any more?"""
    machine.host.close()
    machine.wire[0].shutdown(socket.SHUT_RDWR)
    assert machine.told() == {"op": "stop"}


def test_commands(machine: Machine) -> None:
    """Does all that a command writes arrive, with its exit code, also if nobody reads for a while?"""
    script = "import os; os.write(1, b'x' * 700000); os.write(2, b'end'); os._exit(3)"
    slow = machine.run(sys.executable, "-I", "-S", "-c", script, patient=True)
    for _ in range(100):
        machine.round()
    assert 0 < len(slow.output) < 700_000 and slow.ends == []
    slow.patient = False
    slow.stream.consumed(len(slow.output))
    (ended,) = machine.turn("exited")
    assert (ended["stream"], ended["code"]) == (slow.stream.number, 3)
    machine.until(lambda: slow.ends)
    assert slow.ends == ["finished"]
    assert len(slow.output) == 700_003 and slow.output.endswith(b"xend")


def test_commands_that_cannot_be(machine: Machine) -> None:
    """Is a missing program told of in words, and what is no command line refused?"""
    missing = machine.run("/no/such/program")
    assert machine.turn("exited")[0]["code"] == 127
    machine.until(lambda: missing.ends)
    assert missing.output.startswith(b"/no/such/program: ")
    for target in ([], ["a", 1], "words", ["nul\0"], ["x"] * 2000):
        assert machine.ends_of({"exec": target}) == ["lost"]


def test_commands_that_are_given_up(machine: Machine) -> None:
    """Is a command killed when its stream is, and what it has left in the background not waited for?"""
    sleeper = machine.run("/bin/sleep", "1000")
    for _ in range(10):
        machine.round()
    sleeper.stream.reset()
    assert machine.turn("exited")[0]["code"] == -signal.SIGKILL
    background = machine.run("/bin/sh", "-c", "sleep 3 & echo started")
    assert machine.turn("exited", limit=2)[0]["code"] == 0
    machine.until(lambda: background.ends)
    assert (background.output, background.ends) == (b"started\n", ["finished"])


def test_sockets(machine: Machine, short_tmp: object) -> None:
    """Is a socket of the guest reached, and one that is not there refused?"""
    path = f"{short_tmp}/guest.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        stream = machine.host.open({"unix": path})
        stream.receiver = answer = Answer(stream)
        stream.send(b"question")
        machine.until(lambda: select.select([server], [], [], 0)[0])
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            machine.until(lambda: select.select([connection], [], [], 0)[0])
            assert connection.recv(100) == b"question"
            connection.sendall(b"answer")
        machine.until(lambda: answer.output)
        assert answer.output == b"answer"
    for target in ({"unix": "/no/where"}, {"unix": "x" * 500}, {}):
        assert machine.ends_of(target) == ["lost"]


def test_entropy_is_well_formed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Does the kernel get the seed with its length in bits and bytes, and the order to use it?"""
    asked: list[tuple[int, bytes]] = []
    monkeypatch.setattr(fcntl, "ioctl", lambda fd, number, data=b"": asked.append((number, data)))
    guest_fresh.add_entropy(b"seed")
    assert asked == [(0x40085203, b"\x20\0\0\0\x04\0\0\0seed"), (0x5207, b"")]
