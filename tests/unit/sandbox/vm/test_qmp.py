"""QEMU's control channel, against a QEMU that says what the test wants."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.errors import Unavailable
from lab.sandbox.vm.qmp import Qmp

GREETING = {"QMP": {"version": {}, "capabilities": []}}
Answers = Callable[[str, dict[str, Any]], list[dict[str, Any]]]


class FakeQemu:
    """Answers commands in a thread, in awkward pieces."""

    def __init__(self, answers: Answers, greet: bool = True) -> None:
        ours, self._theirs = socket.socketpair()
        self.qmp = Qmp(ours)
        self.asked: list[str] = []
        self._answers = answers
        if greet:
            self._say(GREETING)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self.qmp.close()
        self._thread.join(10)
        self._theirs.close()

    def _say(self, message: dict[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\r\n"
        self._theirs.sendall(line[:7])
        self._theirs.sendall(line[7:])

    def _serve(self) -> None:
        with self._theirs.makefile("rb") as lines:
            for line in lines:
                question = json.loads(line)
                self.asked.append(question["execute"])
                if question["execute"] == "qmp_capabilities":
                    self._say({"return": {}})
                    continue
                for answer in self._answers(question["execute"], question["arguments"]):
                    self._say(answer)
                    if answer == {"gone": True}:
                        self._theirs.shutdown(socket.SHUT_RDWR)
                        return


@pytest.fixture
def fake() -> Iterator[Callable[..., FakeQemu]]:
    made: list[FakeQemu] = []

    def make(answers: Answers, **options: bool) -> FakeQemu:
        made.append(FakeQemu(answers, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_events_between_are_skipped(fake: Callable[..., FakeQemu]) -> None:
    """Is a command's answer found among events, and the greeting answered once?"""
    qemu = fake(lambda command, arguments: [{"event": "RESUME"}, {"return": arguments}])
    assert qemu.qmp.execute("echo", value=1) == {"value": 1}
    assert qemu.qmp.execute("echo", value=2) == {"value": 2}
    assert qemu.asked == ["qmp_capabilities", "echo", "echo"]


def test_monitor(fake: Callable[..., FakeQemu]) -> None:
    """Does a line for the monitor of people come back as a text?"""
    qemu = fake(lambda command, arguments: [{"return": arguments["command-line"] + "\r\n"}])
    assert qemu.qmp.monitor("info version") == "info version"


def test_refusals_are_told_in_qemu_s_words(fake: Callable[..., FakeQemu]) -> None:
    """Is what QEMU refuses an error with its reason?"""
    qemu = fake(lambda command, arguments: [{"error": {"class": "GenericError", "desc": "no way"}}])
    with pytest.raises(Unavailable, match="no way"):
        qemu.qmp.execute("migrate")


def test_silence_has_a_limit(fake: Callable[..., FakeQemu]) -> None:
    """Is a QEMU that says nothing given up in time, before and after the greeting?"""
    with pytest.raises(Unavailable, match="does not answer"):
        fake(lambda command, arguments: [], greet=False).qmp.execute("cont", limit=0.05)
    with pytest.raises(Unavailable, match="does not answer"):
        fake(lambda command, arguments: []).qmp.execute("cont", limit=0.05)


def test_a_qemu_that_ends(fake: Callable[..., FakeQemu]) -> None:
    """Is the end of QEMU told as such, at once and at the next command too?"""
    qemu = fake(lambda command, arguments: [{"gone": True}])
    for _ in range(2):
        with pytest.raises(Unavailable, match="QEMU has ended"):
            qemu.qmp.execute("cont")


def test_waiting_for_a_resumed_machine(fake: Callable[..., FakeQemu]) -> None:
    """Is it waited for until it runs, and not longer than allowed or when loading has failed?"""
    states = ["inmigrate", "inmigrate", "running"]
    loading = fake(lambda command, arguments: [{"return": {"status": states.pop(0)}}])
    loading.qmp.wait_running(5)
    assert not states
    slow = fake(lambda command, arguments: [{"return": {"status": "inmigrate"}}])
    with pytest.raises(Unavailable, match="not loaded in time"):
        slow.qmp.wait_running(0.05)
    failed = fake(lambda command, arguments: [{"return": {"status": "internal-error"}}])
    with pytest.raises(Unavailable, match="internal-error"):
        failed.qmp.wait_running(5)


def test_waiting_for_a_saved_machine(fake: Callable[..., FakeQemu]) -> None:
    """Is saving waited for, and does its failure say why?"""
    states = [{}, {"status": "active"}, {"status": "completed"}]
    fake(lambda command, arguments: [{"return": states.pop(0)}]).qmp.wait_migrated(5)
    failed = {"status": "failed", "error-desc": "No space left on device"}
    with pytest.raises(Unavailable, match="No space left"):
        fake(lambda command, arguments: [{"return": failed}]).qmp.wait_migrated(5)
