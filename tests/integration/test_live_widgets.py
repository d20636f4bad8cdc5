"""Namespaces, Cgroups, Lifecycle and GlassEngine beside a real engine, with the genuine CLI."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest

from lab.sandbox.process import EngineProcess
from lab.widgets import Cgroups, GlassEngine, Lifecycle, Namespaces
from lab.widgets.live import LiveWidget

from ..conftest import until

Cli = Callable[..., subprocess.CompletedProcess[str]]

# docker-py leaves the socket of a failed connection to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def show(engine: EngineProcess) -> Iterator[Callable[..., Any]]:
    """A function that makes a live widget of the shared engine; all are closed at the end."""
    before = set(threading.enumerate())
    made: list[LiveWidget] = []

    def make(kind: type[LiveWidget], *names: str) -> LiveWidget:
        made.append(kind(*names, socket=str(engine.socket)))
        until(lambda: made[-1].engine["state"] == "live")
        return made[-1]

    yield make
    for each in made:
        each.close()
    until(lambda: set(threading.enumerate()) <= before)


def shared(widget: Namespaces, kind: str) -> list[list[str]]:
    return [sorted(each["names"]) for each in widget.shared if each["type"] == kind]


def test_namespaces_that_are_joined(
    show: Callable[..., Any], client: docker.DockerClient, cli: Cli
) -> None:
    """Are a joined network and pid namespace shown as shared, and the processes from both sides?"""
    widget = show(Namespaces, "first", "second")
    until(lambda: widget.missing == ["first", "second"])
    cli("run", "-d", "--name", "first", "busybox", "sleep", "600")
    joined = ("--network", "container:first", "--pid", "container:first")
    cli("run", "-d", "--name", "second", *joined, "busybox", "sleep", "601")
    until(lambda: ["first", "second"] in shared(widget, "net"))
    assert ["first", "second"] in shared(widget, "pid")
    assert ["first", "second"] not in shared(widget, "mnt")
    assert widget.missing == []
    inside = {}
    for name in ("first", "second"):
        container = client.containers.get(name)
        widget.on_message({"kind": "open", "id": container.id})
        until(lambda id=container.id: widget.processes.get(id, {}).get("rows"))
        (row,) = widget.processes[container.id]["rows"]
        inside[name], outside = row["pid"][:2]
        assert outside not in (None, 1, inside[name])
    assert inside["first"] == 1
    assert inside["second"] > 1, "it is not the first process of the namespace"
    cli("rm", "-f", "second")
    until(lambda: ["first", "second"] not in shared(widget, "net"))


def test_use_against_limits(show: Callable[..., Any], client: docker.DockerClient) -> None:
    """Are limits and use those of the container, and is it said where none are in force?"""
    widget = show(Cgroups, "limited")
    client.containers.run(
        "busybox", "sleep 600", name="limited", detach=True, mem_limit="32m", pids_limit=20
    )
    until(lambda: widget.meters and len(widget.meters[0]["points"]) > 1)
    (meter,) = widget.meters
    assert meter["asked"] == [32 * 2**20, None, 20]
    if meter["version"] is None:
        assert meter["limits"] == [None, None, None]
        return
    assert meter["limits"] == [32 * 2**20, None, 20]
    until(lambda: widget.meters[0]["points"][-1][3] == 1)
    assert 0 < widget.meters[0]["points"][-1][1] < 32 * 2**20


def test_kill_for_want_of_memory_is_told(
    show: Callable[..., Any], client: docker.DockerClient
) -> None:
    """Is it told that the kernel killed a program which took more memory than it may?"""
    if not client.info()["MemoryLimit"]:
        pytest.skip("the host hands out no control groups")
    widget = show(Cgroups, "greedy")
    greedy = "head -c 80000000 /dev/zero | tail | wc -c; sleep 600"
    client.containers.run(
        "busybox",
        ["sh", "-c", greedy],
        name="greedy",
        detach=True,
        mem_limit="16m",
        memswap_limit="16m",
    )
    until(lambda: any(each["counts"]["oom_kills"] for each in widget.meters), 30)


def test_arrows_of_a_life(show: Callable[..., Any], client: docker.DockerClient, cli: Cli) -> None:
    """Does each command of the CLI take its arrow, under its own name?"""
    widget = show(Lifecycle, "life")
    for words in (
        ("create", "--name", "life", "busybox", "sleep", "600"),
        ("start", "life"),
        ("pause", "life"),
        ("unpause", "life"),
        ("restart", "-t", "0", "life"),
        ("kill", "life"),
        ("rm", "life"),
    ):
        assert cli(*words).returncode == 0
    until(lambda: widget.arrows and widget.arrows[-1]["edge"].endswith("removed"))
    assert [(each["edge"], each["command"]) for each in widget.arrows] == [
        ("new-created", "docker create / run"),
        ("created-running", "docker start / run life"),
        ("running-paused", "docker pause life"),
        ("paused-running", "docker unpause life"),
        ("running-exited", "docker restart life"),
        ("exited-running", "docker restart life"),
        ("running-exited", "docker kill life"),
        ("exited-removed", "docker rm life"),
    ]
    assert [each["state"] for each in widget.tokens] == ["removed"]
    cli("run", "-d", "--name", "life", "busybox", "sleep", "600")
    cli("rm", "-f", "life")
    until(lambda: widget.tokens[-1]["state"] == "removed" and len(widget.tokens) == 2)
    # no event tells the two apart; only their timing does
    assert widget.arrows[-1]["command"] in ("docker rm -f life", "docker rm life")
    assert widget.arrows[-2]["command"] in ("docker rm -f life", "docker kill life")


def test_what_a_command_becomes(
    show: Callable[..., Any], client: docker.DockerClient, cli: Cli
) -> None:
    """Is `docker run` seen as its calls, with the system calls that make a container?"""
    others = [show(Lifecycle), show(Namespaces)]
    widget = show(GlassEngine)
    feed = widget._feed
    until(lambda: feed.watch is not None)
    until(lambda: cli("version").returncode == 0 and widget.commands)
    cli("run", "-d", "--name", "seen", "busybox", "sleep", "600")
    until(lambda: widget.commands and widget.commands[-1]["command"] == "docker run")
    made = widget.commands[-1]
    assert [call["about"] for call in made["calls"]] == ["ping", "create", "wait", "start"]
    until(lambda: any(row["name"] == "execve" for row in widget.calls["rows"]))
    names = {row["name"] for row in widget.calls["rows"]}
    assert {"clone", "unshare", "mount", "pivot_root", "capset", "execve"} <= names
    assert {row["process"] for row in widget.calls["rows"]} >= {"spawner", "setup", "init"}
    commands = [each["command"] for each in widget.commands]
    assert set(commands) == {"docker version", "docker run"}, "only what the CLI asked"
    widget.on_message({"kind": "pause", "paused": True})
    cli("ps")
    widget.on_message({"kind": "pause", "paused": False})
    until(
        lambda: cli("images").returncode == 0 and widget.commands[-1]["command"] == "docker images"
    )
    assert "docker ps" not in [each["command"] for each in widget.commands]
    assert all(each.engine["state"] == "live" for each in others)
