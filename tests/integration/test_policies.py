"""Restart policies: containers that come back, wait, give up, and outlive their engine."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import docker
import pytest
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration.raw import daemon_of

ALWAYS = {"Name": "always"}
SLEEP = "sleep 1000"


def state_of(container: Container) -> dict[str, object]:
    container.reload()
    return dict(container.attrs["State"])


def restarts_of(container: Container) -> int:
    container.reload()
    return int(container.attrs["RestartCount"])


def test_failures_are_counted(client: docker.DockerClient) -> None:
    """Does on-failure:2 start a container twice more, with an event each time, and then give up?"""
    begin = int(time.time()) - 1
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    container = client.containers.run("busybox", "false", detach=True, restart_policy=policy)
    until(lambda: state_of(container)["Status"] == "exited", what="it gives up")
    assert restarts_of(container) == 2
    assert state_of(container)["ExitCode"] == 1
    filters = {"container": container.id, "event": ["start", "die"]}
    found = client.events(since=begin, until=int(time.time()) + 1, filters=filters, decode=True)
    assert [event["Action"] for event in found] == ["start", "die"] * 3


def test_success_needs_no_restart(client: docker.DockerClient) -> None:
    """Is a container of on-failure that ends well left alone?"""
    policy = {"Name": "on-failure"}
    container = client.containers.run("busybox", "true", detach=True, restart_policy=policy)
    container.wait()
    assert state_of(container)["Status"] == "exited"
    assert restarts_of(container) == 0


def test_the_back_off(client: docker.DockerClient) -> None:
    """Is a container that waits shown as Docker shows it, and are its requests answered so?"""
    container = client.containers.run("busybox", "false", detach=True, restart_policy=ALWAYS)
    until(lambda: restarts_of(container) >= 4 and state_of(container)["Restarting"])
    state = state_of(container)
    assert (state["Status"], state["Running"], state["Pid"]) == ("restarting", True, 0)
    (row,) = client.api.containers(filters={"id": container.id})
    assert row["Status"].startswith("Restarting (1) ")
    restarting = "is restarting, wait until the container is running"
    for act in (container.pause, lambda: container.exec_run("true"), container.top):
        with pytest.raises(APIError, match=restarting):
            act()
    with pytest.raises(APIError, match="container is restarting: stop the container before"):
        container.remove()
    before = time.monotonic()
    container.stop()
    assert time.monotonic() - before < 5
    assert state_of(container)["Status"] == "exited"
    count = restarts_of(container)
    container.start()
    until(lambda: restarts_of(container) > 0, what="it restarts again, counted from the start")
    assert restarts_of(container) < count
    container.remove(force=True)


def test_a_kill_is_final(client: docker.DockerClient) -> None:
    """Does a container that a user kills stay down, and one whose process was killed inside not?"""
    container = client.containers.run("busybox", SLEEP, detach=True, restart_policy=ALWAYS)
    container.kill()
    assert state_of(container)["Status"] == "exited"
    script = ["sh", "-c", f"trap 'exit 3' USR1; touch /ready; {SLEEP} & wait"]
    other = client.containers.run("busybox", script, detach=True, restart_policy=ALWAYS)
    until(lambda: other.exec_run("test -f /ready").exit_code == 0)
    # it may itself be killed with the container, before it could say that it has done it
    other.exec_run("kill -USR1 1")
    until(lambda: restarts_of(other) == 1 and state_of(other)["Status"] == "running")


def test_conflicts(client: docker.DockerClient) -> None:
    """Are policies that make no sense, or contradict --rm, refused in Docker's words?"""
    with pytest.raises(APIError, match="can't create 'AutoRemove' container with restart policy"):
        client.containers.create("busybox", restart_policy=ALWAYS, auto_remove=True)
    with pytest.raises(APIError, match="maximum retry count cannot be used with restart policy"):
        policy = {"Name": "always", "MaximumRetryCount": 2}
        client.containers.create("busybox", restart_policy=policy)


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "killed"])
def test_the_engine_s_restart(own_engine: Callable[[], EngineProcess], crash: bool) -> None:
    """Which containers come back with the engine, after its stop and after its sudden end?"""
    first = own_engine()
    client = docker.DockerClient(base_url=first.host)
    client.images.pull("busybox", "latest")

    def make(name: str, policy: str, stop: bool, start: bool = True) -> None:
        made = client.containers.create(
            "busybox", SLEEP, name=name, restart_policy={"Name": policy}, stop_signal="SIGKILL"
        )
        if start:
            made.start()
        if stop:
            made.stop(timeout=0)

    make("always", "always", stop=False)
    make("always-stopped", "always", stop=True)
    make("never-started", "always", stop=False, start=False)
    make("unless", "unless-stopped", stop=False)
    make("unless-stopped", "unless-stopped", stop=True)
    make("none", "no", stop=False)
    mode = client.containers.get("always").id
    shared = {"network_mode": f"container:{mode}", "restart_policy": ALWAYS}
    client.containers.run("busybox", SLEEP, name="guest", detach=True, **shared)
    client.close()
    if crash:
        os.kill(daemon_of(first), signal.SIGKILL)
        first.process.wait()
    else:
        assert first.stop() == 0
    second = own_engine()
    client = docker.DockerClient(base_url=second.host)
    running = {each.name for each in client.containers.list()}
    assert running == {"always", "always-stopped", "unless", "guest"}
    assert client.containers.get("never-started").status == "created"
    client.close()


def test_removal_while_it_waits(client: docker.DockerClient) -> None:
    """Does rm -f end the waiting, so that nothing comes back?"""
    container = client.containers.run("busybox", "false", detach=True, restart_policy=ALWAYS)
    until(lambda: restarts_of(container) >= 3)
    container.remove(force=True)
    with pytest.raises(NotFound):
        container.reload()
