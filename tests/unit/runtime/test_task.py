"""The daemon's side of the channel to the spawner, with a stand-in for the spawner."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import StartError, Unavailable
from lab.kernel import channel
from lab.kernel.idmap import IdMap
from lab.oci.runtime_spec import Mount
from lab.runtime import sync, task
from lab.runtime.requests import ExecRequest, TaskRequest
from lab.runtime.task import Task, Tasks

Exits = list[tuple[str, int, int]]
REQUEST = TaskRequest(
    "one", Path("/b"), Path("/base"), [Mount("", "overlay", "o", ("lowerdir=1",))]
)


class StandIn:
    """The spawner's end: answers each request as the test says."""

    def __init__(self) -> None:
        self.ours, self.theirs = channel.pair()
        self.exits: Exits = []
        self.heard = threading.Event()
        self.tasks = Tasks(self.theirs, IdMap(1), True, [Path("/state")], self._on_exit)

    def _on_exit(self, name: str, status: int, at_ns: int) -> None:
        self.exits.append((name, status, at_ns))
        self.heard.set()

    def answering(self, answer: Callable[[dict[str, Any], list[int]], None]) -> threading.Thread:
        def serve() -> None:
            received = channel.receive(self.ours)
            assert received is not None
            message, fds = received
            answer(message, fds)
            channel.close_all(fds)

        thread = threading.Thread(target=serve)
        thread.start()
        return thread

    def send(self, message: dict[str, Any], fds: list[int] | None = None) -> None:
        channel.send(self.ours, message, fds)


@pytest.fixture
def spawner() -> Iterator[StandIn]:
    made = StandIn()
    yield made
    # its reader ends with the channel
    made.ours.shutdown(socket.SHUT_RDWR)
    made.tasks._reader.join(5)
    made.ours.close()
    made.theirs.close()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def test_a_start(spawner: StandIn, sleeper: subprocess.Popen[bytes]) -> None:
    """Does a start carry what the spawner needs, and give back a task that can be signalled?"""
    seen: list[dict[str, Any]] = []

    def answer(message: dict[str, Any], fds: list[int]) -> None:
        seen.append(message)
        assert len(fds) == 3
        pidfd = os.pidfd_open(sleeper.pid)
        spawner.send({"op": sync.STARTED, "id": "one", "pid": sleeper.pid}, [pidfd])
        os.close(pidfd)

    serving = spawner.answering(answer)
    started = spawner.tasks.start(REQUEST, [0, 1, 2])
    serving.join()
    assert (seen[0]["op"], seen[0]["hidden"], seen[0]["idmapped"]) == ("start", ["/state"], True)
    assert seen[0]["rootfs"] == [{"type": "overlay", "source": "o", "options": ["lowerdir=1"]}]
    assert started.pid == sleeper.pid
    started.signal(signal.SIGTERM)
    assert sleeper.wait(5) == -signal.SIGTERM
    started.signal(signal.SIGTERM)
    started.close()
    started.signal(signal.SIGTERM)


def test_a_start_that_fails(spawner: StandIn) -> None:
    """Is the spawner's reason raised, with its exit code?"""

    def answer(message: dict[str, Any], fds: list[int]) -> None:
        spawner.send({"op": sync.FAILED, "id": "one", "message": "why", "exit_code": 127})

    serving = spawner.answering(answer)
    with pytest.raises(StartError, match="why") as raised:
        spawner.tasks.start(REQUEST, [0, 1, 2])
    serving.join()
    assert raised.value.exit_code == 127


def test_exits_come_after_their_start(spawner: StandIn) -> None:
    """Is an exit told, with its status and its moment?"""
    spawner.send({"op": sync.EXITED, "id": "one", "status": 256, "at_ns": 5})
    assert spawner.heard.wait(5)
    assert spawner.exits == [("one", 256, 5)]


def test_sockets_that_cannot_be_had(spawner: StandIn) -> None:
    """Is a refusal of sockets an error that the caller can live with?"""

    def answer(message: dict[str, Any], fds: list[int]) -> None:
        refusal = {"op": sync.FAILED, "id": message["id"], "message": "Too many open files"}
        spawner.send({**refusal, "exit_code": 128})

    serving = spawner.answering(answer)
    with pytest.raises(Unavailable, match="Too many open files"):
        spawner.tasks.sockets("tcp")
    serving.join()


def test_sockets(spawner: StandIn) -> None:
    """Do sockets arrive as such?"""

    def answer(message: dict[str, Any], fds: list[int]) -> None:
        with socket.socket() as made:
            spawner.send({"op": sync.SOCKETS, "id": message["id"]}, [made.fileno()])

    serving = spawner.answering(answer)
    (made,) = spawner.tasks.sockets("tcp")
    serving.join()
    assert made.family is socket.AF_INET
    made.close()


def test_a_filter_is_acknowledged(spawner: StandIn) -> None:
    """Is a filter handed over as a file, and only taken for there when the spawner has it?"""
    got: list[bytes] = []

    def answer(message: dict[str, Any], fds: list[int]) -> None:
        got.append(os.pread(fds[0], 100, 0))
        spawner.send({"op": sync.FILTER, "id": message["id"]})

    serving = spawner.answering(answer)
    spawner.tasks.add_filter("key", b"program.")
    serving.join()
    assert got == [b"program."]


def test_an_answer_that_comes_too_late(
    spawner: StandIn, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is a container whose start was given up killed when it comes up after all?"""
    monkeypatch.setattr(task, "START_LIMIT", 0.01)
    with pytest.raises(Unavailable, match="does not answer"):
        spawner.tasks.start(REQUEST, [0, 1, 2])
    pidfd = os.pidfd_open(sleeper.pid)
    spawner.send({"op": sync.STARTED, "id": "one", "pid": sleeper.pid}, [pidfd])
    os.close(pidfd)
    assert sleeper.wait(5) == -signal.SIGKILL


def test_nonsense_is_passed_over(spawner: StandIn) -> None:
    """Does what is no message, or an answer to nothing, leave the reader at work?"""
    spawner.ours.send(b"not json")
    spawner.ours.send(b"[1]")
    reader, writer = os.pipe()
    spawner.send({"op": sync.SOCKETS, "id": "nobody"}, [writer])
    os.close(writer)
    spawner.send({"op": sync.EXITED, "id": "one", "status": 0, "at_ns": 1})
    assert spawner.heard.wait(5)
    # the descriptor that came with it was closed
    with open(reader, "rb") as file:
        assert file.read() == b""


def test_an_exec_holds_its_target(spawner: StandIn, sleeper: subprocess.Popen[bytes]) -> None:
    """Has an exec a descriptor of its own of the container, which may end meanwhile?"""
    own = Task("one", sleeper.pid, os.pidfd_open(sleeper.pid))
    held = own.hold()
    own.close()
    with pytest.raises(StartError, match="already ended"):
        own.hold()

    def answer(message: dict[str, Any], fds: list[int]) -> None:
        assert len(fds) == 4
        signal.pidfd_send_signal(fds[0], signal.SIGTERM)
        spawner.send({"op": sync.STARTED, "id": "exec", "pid": 1})

    serving = spawner.answering(answer)
    spawner.tasks.exec(held, ExecRequest("exec", Path("/p")), [0, 1, 2])
    serving.join()
    held.close()
    assert sleeper.wait(5) == -signal.SIGTERM
