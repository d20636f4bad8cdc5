"""The gate of an engine in a virtual machine: what is done before it, and what comes through it."""

from __future__ import annotations

import os
import random
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import daemon
from lab.config import EngineConfig
from lab.kernel import channel


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, EngineConfig]]:
    """The launcher's end of a channel, and the configuration that names the daemon's."""
    monkeypatch.setattr(daemon, "warm_up", lambda: None)
    ours, theirs = channel.pair()
    ours.settimeout(10)
    with ours, theirs:
        config = EngineConfig(Path("/data"), None, "vm", 0, False, -1, theirs.fileno(), waits=True)
        yield ours, config


def serve(launcher: socket.socket, answer: channel.Message | None) -> list[object]:
    """Answer `warm` in a thread."""
    heard: list[object] = []

    def run() -> None:
        heard.append(channel.receive(launcher))
        if answer is None:
            launcher.shutdown(socket.SHUT_RDWR)
        else:
            channel.send(launcher, answer)

    threading.Thread(target=run).start()
    return heard


@pytest.mark.parametrize("catalog", ["/host/home/me/catalog", None])
def test_going_on(
    launcher: tuple[socket.socket, EngineConfig],
    catalog: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Does it say `warm`, then go on with the catalog that it is told, and new random numbers?"""
    heard = serve(launcher[0], {"op": "go", "catalog": catalog, "own": "/home/me/engine"})
    added: list[tuple[bytes, float]] = []
    monkeypatch.setattr(ssl, "RAND_add", lambda *given: added.append(given))
    random.seed(1)
    first = random.random()
    random.seed(1)
    config = daemon.wait_for_go(launcher[1])
    assert heard == [({"op": "warm"}, [])]
    assert config.catalog == (Path(catalog) if catalog else None)
    assert config.root == Path("/data") and config.waits
    assert config.outer_root == "/home/me/engine"
    assert random.random() != first
    assert len(added) == 1 and len(added[0][0]) == added[0][1] == 48
    # the channel is the daemon's on
    os.fstat(config.launcher_fd)


@pytest.mark.parametrize("answer", [{"op": "stop"}, None])
def test_not_wanted_any_more(
    launcher: tuple[socket.socket, EngineConfig], answer: channel.Message | None
) -> None:
    """Does it end in an orderly way if it is stopped, or left alone, before?"""
    serve(launcher[0], answer)
    with pytest.raises(SystemExit) as raised:
        daemon.wait_for_go(launcher[1])
    assert raised.value.code == 0
