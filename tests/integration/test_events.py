"""docker events: live, from the past, filtered; the whole history for the grader."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import docker

from tests.conftest import until


def actions(events: list[dict[str, Any]]) -> list[str]:
    return [event["Action"].partition(":")[0] for event in events]


def history(client: docker.DockerClient, **filters: str) -> list[dict[str, Any]]:
    return list(client.events(since=0, until=time.time() + 0.001, decode=True, filters=filters))


def test_the_life_of_a_container(client: docker.DockerClient) -> None:
    """Are create, start, die and destroy told in that order, with the exit code?"""
    container = client.containers.run("busybox", ["sh", "-c", "exit 3"], detach=True)
    container.wait()
    container.remove()
    until(lambda: "destroy" in actions(history(client, container=container.id)), what="destroy")
    events = history(client, container=container.id)
    seen = [action for action in actions(events) if action in ("create", "start", "die", "destroy")]
    assert seen == ["create", "start", "die", "destroy"]
    died = next(event for event in events if event["Action"] == "die")
    assert died["Actor"]["Attributes"]["exitCode"] == "3"
    assert died["Actor"]["Attributes"]["image"] == "busybox"
    assert events == sorted(events, key=lambda event: event["timeNano"])


def test_exec_is_told(client: docker.DockerClient) -> None:
    """Does the history say what was run inside?"""
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    container.exec_run("ls /etc")
    events = [event["Action"] for event in history(client, container=container.id)]
    assert "exec_create: ls /etc" in events and "exec_start: ls /etc" in events
    until(lambda: "exec_die" in actions(history(client, container=container.id)), what="exec_die")


def test_live_events(client: docker.DockerClient) -> None:
    """Does a listener hear at once what happens, and only what it asked for?"""
    stream = client.events(decode=True, filters={"type": "container", "event": "start"})
    heard: list[dict[str, Any]] = []
    threading.Thread(target=lambda: heard.extend(iter(stream)), daemon=True).start()
    container = client.containers.create("busybox", "true")

    def started() -> bool:
        # the listener may not be there yet at the first start
        container.start()
        container.wait()
        return any(event["Actor"]["ID"] == container.id for event in heard)

    until(started, what="the start is heard")
    stream.close()
    assert set(actions(heard)) == {"start"}


def test_nothing_falls_between_past_and_present(client: docker.DockerClient) -> None:
    """Is every event of a busy time in the history exactly once?"""
    containers = [client.containers.run("busybox", "true", detach=True) for _ in range(5)]
    for container in containers:
        container.wait()
    events = history(client, event="die")
    for container in containers:
        assert sum(event["Actor"]["ID"] == container.id for event in events) == 1


def test_unknown_filters(client: docker.DockerClient) -> None:
    """Is a filter that events do not have passed over, as by Docker?"""
    assert history(client, type="network", nosuch="1") == history(client, type="network")


def test_an_end_alone(
    client: docker.DockerClient, cli: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Does --until without --since tell all that was before, and is a wrong order refused?"""
    client.containers.run("busybox", "true", remove=True, name="ended-before")
    wanted = {"container": "ended-before"}
    told = list(client.events(until=time.time() + 0.001, decode=True, filters=wanted))
    assert [each["Action"] for each in told] == ["create", "start", "die", "destroy"]
    refused = cli("events", "--since", "2000", "--until", "1000")
    assert "`since` time (2000) cannot be after `until` time (1000)" in refused.stderr
