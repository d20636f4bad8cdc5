"""What the engine asks the launcher for, and what it makes of the answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from lab.engine.launcher import LauncherLink
from lab.kernel import channel


@pytest.fixture
def link() -> Iterator[tuple[LauncherLink, socket.socket]]:
    ours, theirs = channel.pair()
    with ours, theirs:
        yield LauncherLink(ours), theirs


def answer(launcher: socket.socket, refusal: str | None) -> list[channel.Message]:
    """Answer one question in a thread; with None, only let go of where the answer would go."""
    asked: list[channel.Message] = []

    def serve() -> None:
        received = channel.receive(launcher)
        assert received is not None
        message, fds = received
        asked.append(message)
        with socket.socket(fileno=fds[0]) as reply:
            if refusal is not None:
                channel.send(reply, {"refusal": refusal})

    threading.Thread(target=serve).start()
    return asked


def test_publishing(link: tuple[LauncherLink, socket.socket]) -> None:
    """Is the launcher asked for a port, and its refusal handed on?"""
    asked = answer(link[1], "")
    assert link[0].publish("0.0.0.0", 8080, "tcp") == ""
    assert asked == [{"op": "publish", "address": "0.0.0.0", "port": 8080, "protocol": "tcp"}]
    asked = answer(link[1], "port is already allocated")
    assert link[0].publish("0.0.0.0", 8080, "tcp") == "port is already allocated"
    asked = answer(link[1], "")
    assert link[0].unpublish("::1", 80, "tcp") == ""
    assert asked == [{"op": "unpublish", "address": "::1", "port": 80, "protocol": "tcp"}]


def test_a_launcher_that_is_gone(link: tuple[LauncherLink, socket.socket]) -> None:
    """Is the end of the launcher, before or while it is asked, a refusal and no error?"""
    answer(link[1], None)
    assert link[0].why_not_mapped("/p") == "the launcher is gone"
    link[1].close()
    assert link[0].publish("0.0.0.0", 80, "tcp") == "the launcher is gone"


def test_a_launcher_that_does_not_answer(
    link: tuple[LauncherLink, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does nothing wait for ever?"""
    monkeypatch.setattr("lab.engine.launcher._ANSWER_SECONDS", 0.01)
    assert link[0].publish("0.0.0.0", 80, "tcp") == "the launcher does not answer"
