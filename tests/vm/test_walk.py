"""A walk through what the engine does, in the guest: one container each, cheap.

The whole of tests/integration is run there by `make test-vm`.
"""

from __future__ import annotations

import http.client
import time

import docker
import pytest
from docker.errors import APIError
from docker.models.containers import Container

from lab.sandbox.process import EngineProcess
from tests.conftest import GUESTS_HOST, until
from tests.integration.images_of import Connection, build, cleaned, make_account

LIMIT = 60.0
MS = 1_000_000


@pytest.fixture
def living(client: docker.DockerClient) -> Container:
    """A container that is healthy, with a limit, and comes back after a failure."""
    test = {"test": ["CMD-SHELL", "test -f /up"], "interval": 200 * MS, "timeout": 10_000 * MS}
    container = client.containers.run(
        "busybox",
        ["sh", "-c", "trap 'exit 3' TERM; touch /up; sleep 1000 & wait"],
        detach=True,
        healthcheck=test,
        restart_policy={"Name": "on-failure", "MaximumRetryCount": 3},
        mem_limit="32m",
    )
    until(lambda: health_of(container) == "healthy", LIMIT)
    return container


def health_of(container: Container) -> str:
    container.reload()
    return str(container.attrs["State"]["Health"]["Status"])


def test_figures(living: Container) -> None:
    """Are a container's figures those of the control groups?"""
    stats = living.stats(stream=False)
    assert stats["memory_stats"]["limit"] == 32 << 20
    assert 0 < stats["memory_stats"]["usage"] < 32 << 20
    assert stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert stats["pids_stats"]["current"] >= 1
    assert stats["networks"]["eth0"]["rx_bytes"] >= 0


def test_a_life(client: docker.DockerClient, living: Container) -> None:
    """Does a container stand still, go on, come back by itself, and end, and is all of it told?"""
    living.pause()
    living.reload()
    assert living.status == "paused"
    with pytest.raises(APIError, match="is paused"):
        living.exec_run("true")
    living.unpause()
    living.reload()
    before = living.attrs["State"]["Pid"]
    living.exec_run("kill 1")
    until(lambda: (living.reload() or living.attrs)["RestartCount"] == 1, LIMIT)
    until(lambda: health_of(living) == "healthy", LIMIT)
    assert living.attrs["State"]["Pid"] != before
    living.stop(timeout=1)
    living.reload()
    assert living.status == "exited"
    filters = {"container": living.id}
    found = client.events(since=1, until=int(time.time()) + 1, filters=filters, decode=True)
    actions = [each["Action"] for each in found if not each["Action"].startswith("exec_")]
    wanted = ["create", "start", "health_status: healthy", "pause", "unpause", "die", "start"]
    places = iter(actions)
    assert all(action in places for action in wanted), actions


def test_an_image_of_ones_own(
    engine: EngineProcess, client: docker.DockerClient, called: tuple[int, list[bytes]]
) -> None:
    """Is an image built, with the way out in RUN, committed, pushed to the Hub and pulled again?"""
    login = make_account(engine, "walker")
    port, heard = called
    with cleaned(client):
        fetch = f"RUN wget -qO- http://{GUESTS_HOST}:{port}/ || echo ran > /ran"
        image, said = build(client, f"FROM busybox\n{fetch}\nCMD cat /ran /added\n", tag="walk")
        assert heard == [b"GET"]
        assert "Step 2/3" in said
        container = client.containers.run("walk", ["sh", "-c", "echo more > /added"], detach=True)
        container.wait()
        assert {each["Path"] for each in container.diff()} == {"/added"}
        name = "walker/walk"
        made = container.commit(name, "1")
        container.remove()
        refused = client.api.push(name, "1", auth_config={"username": "walker", "password": "no"})
        assert "denied" in refused or "unauthorized" in refused
        assert "digest: sha256:" in client.api.push(name, "1", auth_config=login)
        client.images.remove(f"{name}:1", force=True)
        client.images.remove(image.id, force=True)
        again = client.images.pull(name, "1", auth_config=login)
        assert again.id == made.id
        run = ["sh", "-c", "cat /ran /added"]
        assert client.containers.run(again, run, remove=True) == b"ran\nmore\n"


def test_limits_stay(client: docker.DockerClient) -> None:
    """Can a container with all capabilities not lift the limits that hold for it?"""
    script = "mkdir /c && mount -t cgroup2 c /c && echo max > /c/memory.max; cat /c/memory.max"
    said = client.containers.run(
        "busybox", ["sh", "-c", script], cap_add=["ALL"], mem_limit="16m", remove=True
    )
    assert said == b"%d\n" % (16 << 20)


def test_the_machine_s_own_disk(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Is the folder with the learner's disk refused, and empty where one above it is bound?"""
    root = engine.socket.with_suffix("")
    assert (root / "vm" / "disk.ext4").exists()
    with pytest.raises(APIError, match="holds the engine's own state"):
        client.containers.run("busybox", "true", volumes=[f"{root}/vm:/x"])
    command = ["sh", "-c", f"ls -A /x/{root.name} | wc -l; umount /x/{root.name} || true"]
    said = client.containers.run("busybox", command, volumes=[f"{root.parent}:/x"], remove=True)
    assert said == b"0\n"


def test_the_hub_for_other_programs(engine: EngineProcess) -> None:
    """Does the Hub answer at its socket on the host, as `lab hub serve` and skopeo use it?"""
    connection = Connection(str(engine.socket.with_suffix("") / "hub.sock"))
    connection.request("GET", "/v2/")
    answer = connection.getresponse()
    assert answer.status in (http.client.OK, http.client.UNAUTHORIZED)
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    connection.close()
