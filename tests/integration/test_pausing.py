"""Paused containers: nothing in them moves, and they end when they are told to."""

from __future__ import annotations

import time

import docker
import pytest
from docker.errors import APIError
from docker.models.containers import Container

from tests.conftest import until

BUSY = ["sh", "-c", "trap 'exit 7' TERM; while :; do echo x; (true) & wait; done"]


@pytest.fixture
def busy(client: docker.DockerClient) -> Container:
    """A container that writes, and starts processes, as fast as it can."""
    container = client.containers.run("busybox", BUSY, detach=True)
    until(lambda: container.logs(tail=1))
    return container


def test_everything_stands_still(client: docker.DockerClient, busy: Container) -> None:
    """Does nothing happen while a container is paused, in its shell and what it starts?"""
    begin = int(time.time()) - 1
    for _ in range(3):
        busy.pause()
        busy.reload()
        assert (busy.status, busy.attrs["State"]["Running"]) == ("paused", True)
        size = len(busy.logs())
        # what it does in a moment elsewhere, it does not here
        other = client.containers.run("busybox", ["sh", "-c", "echo; sleep 0.1"], detach=True)
        other.wait()
        assert len(busy.logs()) == size
        busy.unpause()
        until(lambda size=size: len(busy.logs()) > size, what="it goes on")
    busy.kill()
    filters = {"container": busy.id, "event": ["pause", "unpause"]}
    found = client.events(since=begin, until=int(time.time()) + 1, filters=filters, decode=True)
    assert [event["Action"] for event in found] == ["pause", "unpause"] * 3


def test_what_is_refused(client: docker.DockerClient, busy: Container) -> None:
    """Are requests that a paused container cannot serve refused in Docker's words?"""
    busy.pause()
    paused = f"Container {busy.id} is paused, unpause the container before exec"
    refused = [
        (lambda: busy.exec_run("true"), paused),
        (busy.pause, f"Container {busy.id} is already paused"),
        (busy.start, "cannot start a paused container, try unpause instead"),
        (busy.remove, "container is paused and must be unpaused first"),
        (busy.attach, "Unpause the container before attach"),
    ]
    for act, message in refused:
        with pytest.raises(APIError, match=message):
            act()
    assert client.info()["ContainersPaused"] == 1
    busy.unpause()
    with pytest.raises(APIError) as raised:
        busy.unpause()
    assert raised.value.status_code == 500
    assert raised.value.explanation == f"Container {busy.id} is not paused"


def test_it_ends_as_it_should(client: docker.DockerClient, busy: Container) -> None:
    """Does stop reach the handler of a paused container, and kill end it at once?"""
    busy.pause()
    busy.stop()
    assert busy.wait()["StatusCode"] == 7
    busy.start()
    busy.pause()
    busy.kill()
    assert busy.wait()["StatusCode"] == 137
    busy.start()
    busy.pause()
    busy.restart(timeout=1)
    busy.reload()
    assert busy.status == "running"
    busy.pause()
    busy.remove(force=True)


def test_a_shell_notices_nothing(client: docker.DockerClient) -> None:
    """Does a shell with job control not see the program that it runs as stopped?"""
    script = "set -m; sleep 0.5; echo code $?"
    container = client.containers.run("debian", ["bash", "-c", script], detach=True)
    until(lambda: len(container.top()["Processes"]) == 2)
    container.pause()
    container.unpause()
    container.wait()
    assert container.logs() == b"code 0\n"
