"""The measurements of the lesson on virtual machines, where containers really are started."""

from __future__ import annotations

import platform

import docker
import pytest

from lab.course.measurements import measure
from lab.course.places import LABEL
from lab.sandbox.process import EngineProcess


@pytest.fixture(autouse=True)
def docker_host(engine: EngineProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.host)


def test_bare_processes() -> None:
    """Are processes of this machine measured: its kernel, their memory, no disk?"""
    one, two = measure("process", counts=(1, 2))
    assert one["kernel"] == platform.release()
    assert one["memory"] > 1 << 20 and two["memory"] > one["memory"] * 1.5
    assert one["disk"] == two["disk"] == 0
    assert 0 < one["start"] < two["start"] and one["work"] > 0


@pytest.mark.timeout(120)
def test_containers(client: docker.DockerClient) -> None:
    """Do containers share the kernel and the image, and is none left?"""
    client.containers.run("busybox", ["true"], labels=[LABEL])
    one, two = measure("container", counts=(1, 2))
    assert one["kernel"] == client.info()["KernelVersion"]
    size = client.images.get("python").attrs["Size"]
    assert size <= one["disk"] <= two["disk"] < size * 1.1
    assert two["memory"] > one["memory"] * 1.5
    assert client.containers.list(all=True, filters={"label": LABEL}) == []
