"""The live pictures with a Docker Engine that is not the lab's: what it tells, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest

from lab.widgets import Cgroups, GlassEngine, Lifecycle, Namespaces

from ..conftest import until
from .foreign import Foreign

pytestmark = [
    pytest.mark.timeout(150),
    # docker-py leaves the socket of a failed connection to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLEEP = ["sleep", "600"]


@pytest.fixture
def client(foreign: Foreign) -> Iterator[docker.DockerClient]:
    made = docker.DockerClient(base_url=foreign.host)
    yield made
    for each in made.containers.list(all=True):
        each.remove(force=True)
    made.close()


@pytest.fixture
def show(foreign: Foreign) -> Iterator[Callable[..., Any]]:
    made: list[Any] = []

    def make(kind: Any, *names: str) -> Any:
        made.append(kind(*names, socket=str(foreign.socket)))
        until(lambda: made[-1].engine["state"] == "live")
        assert made[-1].engine["extension"] is False
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_namespaces(show: Callable[..., Any], client: docker.DockerClient) -> None:
    """Is it told who was asked to share, and how the host numbers processes, but nothing else?"""
    widget = show(Namespaces)
    first = client.containers.run("debian", SLEEP, name="first", detach=True, network_mode="none")
    joined = {"pid_mode": "container:first", "network_mode": "container:first"}
    client.containers.run("debian", SLEEP, name="second", detach=True, **joined)
    until(lambda: len(widget.places) == 3)
    shared = {each["type"]: each["names"] for each in widget.shared}
    assert shared == {"pid": ["first", "second"], "net": ["first", "second"]}
    assert {each["inode"] for each in widget.shared} == {None}
    widget.on_message({"kind": "open", "id": first.id})
    until(lambda: widget.processes.get(first.id, {}).get("rows"))
    row = widget.processes[first.id]["rows"][0]
    assert "sleep 600" in row["command"]
    assert row["pid"][:2] == [None, None]
    assert row["pid"][2] > 1


def test_cgroups(show: Callable[..., Any], client: docker.DockerClient) -> None:
    """Is use measured by `docker stats`, against the limit that was asked for?"""
    widget = show(Cgroups, "limited")
    client.containers.run(
        "debian", SLEEP, name="limited", detach=True, mem_limit="64m", network_mode="none"
    )
    until(lambda: widget.meters and len(widget.meters[0]["points"]) > 1, 20)
    (meter,) = widget.meters
    assert meter["asked"][0] == 64 * 2**20
    assert meter["limits"][0] == 64 * 2**20
    assert meter["limits"][1:] == [None, None]


def test_lifecycle(show: Callable[..., Any], client: docker.DockerClient) -> None:
    """Do its events take the same arrows, under the same names?"""
    widget = show(Lifecycle, "life")
    made = client.containers.create("debian", SLEEP, name="life", network_mode="none")
    made.start()
    made.stop(timeout=0)
    made.start()
    made.remove(force=True)
    until(lambda: widget.arrows and widget.arrows[-1]["edge"].endswith("removed"))
    assert [(each["edge"], each["command"]) for each in widget.arrows] == [
        ("new-created", "docker create / run"),
        ("created-running", "docker start / run life"),
        ("running-exited", "docker stop life"),
        ("exited-running", "docker start life"),
        ("running-exited", "docker rm -f life"),
        ("exited-removed", "docker rm -f life"),
    ]


def test_glass_engine(show: Callable[..., Any], client: docker.DockerClient) -> None:
    """Do events light up the way, with no call and no system call made up?"""
    widget = show(GlassEngine)
    client.containers.create("debian", SLEEP, name="seen", network_mode="none")
    until(lambda: widget.commands)
    calls = [call for command in widget.commands for call in command["calls"]]
    assert [(call["method"], call["path"]) for call in calls] == [
        ("event", "container create seen")
    ]
    assert calls[0]["parts"] == ["images", "containers"]
    assert widget.calls["rows"] == []
