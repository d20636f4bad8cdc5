"""Health checks of running containers, through the genuine CLI and docker-py."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import docker
import pytest
from docker.errors import APIError
from docker.models.containers import Container

from tests.conftest import PATIENCE, until

MS = 1_000_000
Cli = Callable[..., Any]


def health_of(container: Container) -> dict[str, Any]:
    container.reload()
    return dict(container.attrs["State"]["Health"])


def run(client: docker.DockerClient, test: object, **members: Any) -> Container:
    check = {"test": test, "interval": 50 * MS, "retries": 2, **members}
    return client.containers.run("busybox", "sleep 1000", detach=True, healthcheck=check)


def test_from_starting_to_healthy_and_back(client: docker.DockerClient) -> None:
    """Are the states those of Docker, in ps, inspect, the filter and the events?"""
    begin = int(time.time()) - 1
    test = ["CMD-SHELL", "echo looked; test ! -f /bad"]
    container = run(client, test, interval=150 * MS)
    assert health_of(container)["Status"] == "starting"
    (row,) = client.api.containers(filters={"id": container.id})
    assert row["Status"].endswith("(health: starting)")
    until(lambda: health_of(container)["Status"] == "healthy")
    (row,) = client.api.containers(filters={"id": container.id, "health": "healthy"})
    assert row["Status"].endswith(" (healthy)")
    container.exec_run("touch /bad")
    until(lambda: health_of(container)["Status"] == "unhealthy")
    health = health_of(container)
    assert health["FailingStreak"] >= 2
    assert 1 <= len(health["Log"]) <= 5
    assert (health["Log"][-1]["ExitCode"], health["Log"][-1]["Output"]) == (1, "looked\n")
    container.kill()
    filters = {"container": container.id, "event": "health_status"}
    found = client.events(since=begin, until=int(time.time()) + 1, filters=filters, decode=True)
    statuses = [event["Action"] for event in found]
    assert statuses == ["health_status: healthy", "health_status: unhealthy"]


def test_events_of_probes(client: docker.DockerClient) -> None:
    """Does each probe leave the three events of an exec, as with Docker?"""
    begin = int(time.time()) - 1
    container = run(client, ["CMD", "true"])
    until(lambda: health_of(container)["Status"] == "healthy")
    container.kill()
    filters = {"container": container.id}
    found = client.events(since=begin, until=int(time.time()) + 1, filters=filters, decode=True)
    actions = [event["Action"] for event in found if event["Action"].startswith("exec_")]
    assert actions[:3] == ["exec_create: true ", "exec_start: true ", "exec_die"]


def test_a_probe_that_takes_too_long(client: docker.DockerClient) -> None:
    """Is it killed, counted as a failure, and its output kept?"""
    container = run(
        client, ["CMD-SHELL", "echo slow; exec sleep 99"], timeout=int(100 * PATIENCE) * MS
    )
    until(lambda: health_of(container)["Status"] == "unhealthy")
    last = health_of(container)["Log"][-1]
    assert last["ExitCode"] == -1
    assert last["Output"] == f"Health check exceeded timeout ({100 * PATIENCE:.0f}ms): slow\n"
    titles = container.top(ps_args="-o pid,args")["Processes"]
    assert sum("sleep 99" in row[1] for row in titles) <= 1


def test_a_probe_that_is_not_there(client: docker.DockerClient) -> None:
    """Does a command that cannot be started count as a failure, with the reason in the log?"""
    container = run(client, ["CMD", "nosuch"])
    until(lambda: health_of(container)["Status"] == "unhealthy")
    last = health_of(container)["Log"][-1]
    assert last["ExitCode"] == -1
    assert 'exec: "nosuch": executable file not found in $PATH' in last["Output"]


def test_pausing_stops_the_probes(client: docker.DockerClient) -> None:
    """Is nothing probed while a container is paused, and does it recover afterwards?"""
    container = run(client, ["CMD-SHELL", "echo x >>/probes"])
    until(lambda: health_of(container)["Status"] == "healthy")
    container.pause()
    assert health_of(container)["Status"] == "unhealthy"
    (row,) = client.api.containers(filters={"id": container.id})
    assert row["Status"].endswith("(Paused)")
    container.unpause()
    until(lambda: health_of(container)["Status"] == "healthy")


def test_options_of_the_cli(cli: Cli, client: docker.DockerClient) -> None:
    """Do all --health options arrive, and does --no-healthcheck take the image's away?"""
    options = "--health-cmd true --health-interval 1m --health-timeout 2s --health-retries 5"
    more = "--health-start-period 3s --health-start-interval 1s"
    done = cli("create", "--name", "optioned", *options.split(), *more.split(), "busybox")
    assert done.returncode == 0, done.stderr
    shown = client.api.inspect_container("optioned")["Config"]["Healthcheck"]
    seconds = 1_000_000_000
    assert shown == {
        "Test": ["CMD-SHELL", "true"],
        "Interval": 60 * seconds,
        "Timeout": 2 * seconds,
        "StartPeriod": 3 * seconds,
        "StartInterval": seconds,
        "Retries": 5,
    }
    done = cli("run", "-d", "--name", "without", "--no-healthcheck", "busybox", "sleep", "9")
    assert done.returncode == 0, done.stderr
    assert "Health" not in client.api.inspect_container("without")["State"]
    with pytest.raises(APIError, match="Timeout in Healthcheck cannot be less than 1ms"):
        run(client, ["CMD", "true"], timeout=5)
