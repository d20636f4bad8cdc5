"""The engine of a Jupyter server: there with it, gone with it, however that ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from ..browser.running import RunningLab, check_out, start_lab
from ..conftest import until

pytestmark = pytest.mark.timeout(120)
StartLab = Callable[[], RunningLab]


@pytest.fixture
def start(catalog: Path, short_tmp: Path, request: pytest.FixtureRequest) -> Iterator[StartLab]:
    """Starts a lab, a second time in the same home; ends them all after the test."""
    folder = short_tmp / f"jupyter-{abs(hash(request.node.name)) % 10**6}"
    home = folder / "home"
    home.mkdir(parents=True)
    (home / "catalog").symlink_to(catalog)
    checkout = check_out(folder / "checkout")
    started: list[RunningLab] = []

    def start_one() -> RunningLab:
        started.append(start_lab(checkout, home, 8970))
        return started[-1]

    yield start_one
    for lab in started:
        if lab.process.poll() is None:
            lab.stop()


def ready(lab: RunningLab) -> None:
    """Wait until the server says that its engine is ready."""
    until(lambda: lab.status()["state"] == "ready", 30, "engine of the lab ready")


def processes_of(lab: RunningLab) -> list[int]:
    """All processes whose command line names the lab's folder: launcher, spawner, daemon."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if bytes(lab.home / "engine") in command:
            found.append(int(entry.name))
    return found


def test_engine_comes_and_goes_with_the_server(start: StartLab) -> None:
    """Is the engine ready, then stopped in good order when the server is, containers and all?"""
    lab = start()
    ready(lab)
    client = docker.DockerClient(base_url=lab.docker_host)
    client.images.pull("busybox", "latest")
    client.containers.run("busybox", ["sleep", "1000"], detach=True, name="left", init=None)
    client.close()
    assert processes_of(lab)
    assert lab.stop() == 0
    assert processes_of(lab) == []
    assert (lab.home / "engine.log").read_text().splitlines()[0] == "ready"


def test_killed_server_takes_the_engine_along(start: StartLab) -> None:
    """When the server is killed with -9, is every process of the engine gone soon after?"""
    lab = start()
    ready(lab)
    lab.process.send_signal(signal.SIGKILL)
    lab.process.communicate()
    until(lambda: processes_of(lab) == [], 20, "processes of the engine gone")


def test_killed_engine_is_started_again(start: StartLab) -> None:
    """Is an engine that dies replaced, and does it know its containers?"""
    lab = start()
    ready(lab)
    client = docker.DockerClient(base_url=lab.docker_host)
    client.images.pull("busybox", "latest")
    client.containers.create("busybox", ["true"], name="kept")
    killed = lab.engine_pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until(lambda: lab.engine_pid() not in (None, killed), 20, "another engine")
    ready(lab)
    assert [each.name for each in client.containers.list(all=True)] == ["kept"]
    client.close()


def test_second_lab_of_the_same_user(start: StartLab) -> None:
    """Is it told that another lab has the engine, once, while the first one goes on?"""
    first = start()
    ready(first)
    second = start()
    until(lambda: second.status()["state"] == "failed", 30, "second lab told")
    message = second.status()["message"]
    assert str(first.home / "engine") in message
    assert second.engine_pid() is None
    assert first.status()["state"] == "ready"
    assert second.stop() == 0
    assert first.status()["state"] == "ready"
