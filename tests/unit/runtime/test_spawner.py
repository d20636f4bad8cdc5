"""The sandbox's first process: requests that are wrong, and what it has no room for."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab.kernel import channel
from lab.runtime import sync
from lab.runtime.spawner import Spawner

START = {"op": "start", "id": "c", "bundle": "/nowhere", "base": "/", "rootfs": [], "endpoints": []}


class Running:
    """A spawner in a forked process, whose daemon is another one that only waits."""

    def __init__(self, files: int | None = None) -> None:
        self.daemon, daemon_end = channel.pair()
        self.launcher, launcher_end = channel.pair()
        self.daemon.settimeout(10)
        self.pid = os.fork()
        if self.pid == 0:
            for each in (self.daemon, self.launcher):
                each.close()
            self._be(daemon_end, launcher_end, files)
        daemon_end.close()
        launcher_end.close()

    def _be(self, daemon: socket.socket, launcher: socket.socket, files: int | None) -> None:
        try:
            pid = os.fork()
            if pid == 0:
                daemon.close()
                launcher.close()
                signal.alarm(60)
                signal.pause()
            if files is not None:
                daemon, launcher = _alone(daemon, launcher)
                # `serve` itself opens two
                limit = launcher.fileno() + 1 + 2 + files
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            code = Spawner(daemon, launcher, pid).serve()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        except BaseException:
            code = 99
        os._exit(code & 0xFF)

    def ask(self, message: dict[str, Any], fds: list[int] | None = None) -> dict[str, Any]:
        channel.send(self.daemon, message, fds)
        received = channel.receive(self.daemon)
        assert received is not None, "the spawner has ended"
        channel.close_all(received[1])
        return received[0]

    def end(self) -> int:
        self.launcher.close()
        _, status = os.waitpid(self.pid, 0)
        self.daemon.close()
        return os.waitstatus_to_exitcode(status)


def _alone(*sockets: socket.socket) -> tuple[socket.socket, ...]:
    """Move sockets to the lowest numbers, and close everything after them."""
    high = [fcntl.fcntl(each.detach(), fcntl.F_DUPFD, 100) for each in sockets]
    moved = tuple(socket.socket(fileno=os.dup2(fd, 3 + n)) for n, fd in enumerate(high))
    os.closerange(3 + len(moved), 4096)
    return moved


@pytest.fixture
def spawner() -> Iterator[Running]:
    running = Running()
    yield running
    # it ends as it should when the launcher does, so nothing before has broken it
    assert running.end() == 1


@pytest.mark.parametrize(
    "message",
    [
        {"op": "fly", "id": "c"},
        {"id": "c"},
        {"op": "start", "id": "c"},
        {"op": "exec", "id": "c", "process": "/nowhere"},
        {"op": "sockets", "id": "c", "kind": "carrier pigeon", "count": 1},
        {"op": "sockets", "id": "c", "kind": "tcp", "count": "many"},
        {"op": "filter", "id": "c", "key": "k"},
        START,
    ],
)
def test_wrong_requests_are_refused(spawner: Running, message: dict[str, Any]) -> None:
    """Is each answered with a refusal, and the next request served?"""
    answer = spawner.ask(message)
    assert (answer["op"], answer["id"]) == (sync.FAILED, "c")
    assert answer["message"] and answer["exit_code"] == 128
    good = spawner.ask({"op": "sockets", "id": "s", "kind": "tcp", "count": 2})
    assert (good["op"], good["id"]) == (sync.SOCKETS, "s")


def test_nonsense_is_passed_over(spawner: Running) -> None:
    """Does what is no message at all leave it at work?"""
    for data in (b"\xff", b"{", b"[]", b"17"):
        spawner.daemon.send(data)
    assert spawner.ask({"op": "sockets", "id": "s", "kind": "udp", "count": 1})["op"] == "sockets"


def test_a_missing_filter_starts_nothing(spawner: Running) -> None:
    """Is a container whose seccomp filter is not there refused, instead of run without one?"""
    whole = {
        "names": False,
        "joins": [],
        "cgroups": [],
        "ids": {"base": 0},
        "idmapped": False,
        "hidden": [],
        "bind_root": "/",
        "seccomp": "lost",
    }
    assert "filter of this container is missing" in spawner.ask({**START, **whole})["message"]


def test_no_room_for_descriptors() -> None:
    """Does lack of descriptors refuse requests, and end nothing?"""
    running = Running(files=4)
    sockets = {"op": "sockets", "id": "s", "kind": "tcp", "count": 20}
    answer = running.ask(sockets)
    assert (answer["op"], os.strerror(errno.EMFILE) in answer["message"]) == (sync.FAILED, True)
    ends = [os.open("/dev/null", os.O_RDWR) for _ in range(20)]
    answer = running.ask({"op": "filter", "id": "f", "key": "k"}, ends)
    assert (answer["op"], os.strerror(errno.EMFILE) in answer["message"]) == (sync.FAILED, True)
    channel.close_all(ends)
    assert running.ask({**sockets, "count": 1})["op"] == sync.SOCKETS
    assert running.end() == 1


def test_it_ends_with_its_daemon() -> None:
    """Does it end with the daemon's exit code when the daemon does?"""
    running = Running()
    until = time.monotonic() + 10
    children: list[str] = []
    while not children and time.monotonic() < until:
        with open(f"/proc/{running.pid}/task/{running.pid}/children") as file:
            children = file.read().split()
    os.kill(int(children[0]), signal.SIGTERM)
    _, status = os.waitpid(running.pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM & 0xFF
    running.launcher.close()
    running.daemon.close()
