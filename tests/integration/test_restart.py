"""What survives the end of an engine: images, containers, their layers, the history."""

from __future__ import annotations

import time
from collections.abc import Callable

import docker

from lab.sandbox.process import EngineProcess
from tests.conftest import until


def test_records_survive_a_restart(own_engine: Callable[[], EngineProcess]) -> None:
    """Are images, containers, what they wrote and what happened still there afterwards?"""
    first = own_engine()
    client = docker.DockerClient(base_url=first.host)
    client.images.pull("busybox", "latest")
    image = client.images.get("busybox").id
    script = ["sh", "-c", "echo start >> /count; wc -l < /count; exec sleep 1000"]
    running = client.containers.run("busybox", script, name="ran", detach=True, labels={"a": "b"})
    until(lambda: running.logs() == b"1\n", what="the first run has written")
    client.containers.create("busybox", "true", name="never-ran")
    client.close()
    assert first.stop() == 0

    second = own_engine()
    client = docker.DockerClient(base_url=second.host)
    assert client.images.get("busybox").id == image
    container = client.containers.get("ran")
    assert container.id == running.id and container.labels == {"a": "b"}
    assert container.status == "exited" and container.attrs["State"]["ExitCode"] == 137
    assert client.containers.get("never-ran").status == "created"
    container.start()
    events = list(client.events(since=0, until=time.time(), decode=True))
    names = [event["Action"] for event in events if event["Actor"]["ID"] == container.id]
    assert names.count("start") == 2 and names.index("create") < names.index("start")
    until(lambda: b"1\n2\n" in container.logs(), what="the second run is logged after the first")
    client.close()
    assert second.stop() == 0
