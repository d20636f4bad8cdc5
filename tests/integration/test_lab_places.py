"""/lab/v1/: namespaces, processes inside and outside, control groups."""

from __future__ import annotations

import os
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from lab.kernel import procfs
from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration import host, raw
from tests.integration.extension import Extension, collected

KINDS = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}


@pytest.fixture
def extension(client: docker.DockerClient) -> Extension:
    return Extension(client)


@pytest.fixture
def sleeping(client: docker.DockerClient) -> Container:
    return client.containers.run("debian", ["sleep", "1000"], detach=True, mem_limit="64m")


def of_host(engine: EngineProcess, command: str) -> int:
    """The host's pid of the engine's process with this command line."""
    found = [
        pid
        for pid, line in host.commands(host.descendants(engine.process.pid)).items()
        if line.strip() == command
    ]
    if not found:
        host.require_one_kernel(engine)
    assert len(found) == 1
    return found[0]


def test_namespaces_are_those_of_the_kernel(
    engine: EngineProcess, extension: Extension, sleeping: Container
) -> None:
    """Are host, sandbox and container told with the numbers that the host's /proc shows?"""
    host.require_one_kernel(engine)
    told = extension.get("namespaces")
    places = {place["Kind"] + place["Id"]: place for place in told["Places"]}
    assert places["host"]["Namespaces"] == procfs.namespaces("self")
    own = places["container" + sleeping.id]
    assert own["Name"] == sleeping.name
    assert own["Namespaces"] == procfs.namespaces(of_host(engine, "sleep 1000"))
    spawner = next(
        pid
        for pid, line in host.commands(host.descendants(engine.process.pid)).items()
        if "from lab.runtime.spawner import" in line and host.parent(pid) == engine.process.pid
    )
    assert places["sandbox"]["Namespaces"] == procfs.namespaces(spawner)
    assert set(own["Namespaces"]) == KINDS
    assert extension.get(f"containers/{sleeping.name}/namespaces") == own


def test_who_shares_which(client: docker.DockerClient, extension: Extension) -> None:
    """Has each container namespaces of its own, and is one that it shares told with both?"""
    one = client.containers.run("busybox", "sleep 1000", detach=True)
    two = client.containers.run("busybox", "sleep 1000", detach=True)
    told = extension.get("namespaces")["Namespaces"]
    alone = {
        entry["Type"] for entry in told if [member["Id"] for member in entry["Members"]] == [one.id]
    }
    assert alone == KINDS - {"time"}
    together = [
        entry["Type"]
        for entry in told
        if {one.id, two.id} <= {member["Id"] for member in entry["Members"]}
    ]
    assert together == ["time"]


def test_processes_inside_and_outside(
    engine: EngineProcess, extension: Extension, sleeping: Container
) -> None:
    """Is the container's 1 another number in the sandbox, a third on the host, and root not root?"""

    def asleep() -> Any:
        (found,) = extension.get(f"containers/{sleeping.id}/processes")["Processes"]
        return found if found["State"] == "S (sleeping)" else None

    first: Any = until(asleep, what="it sleeps")
    outside = of_host(engine, "sleep 1000")
    assert first["Pid"]["Container"] == 1
    assert first["Pid"]["Sandbox"] == sleeping_pid(sleeping)
    assert first["Pid"]["Host"] == outside
    assert first["Command"] == ["sleep", "1000"]
    assert (first["User"]["Container"], first["User"]["Name"]) == (0, "root")
    assert first["User"]["Host"] == os.stat(f"/proc/{outside}").st_uid
    assert first["MemoryBytes"] > 0


def sleeping_pid(container: Container) -> int:
    container.reload()
    return int(container.attrs["State"]["Pid"])


def test_exec_of_another_user(extension: Extension, sleeping: Container) -> None:
    """Are a second process, its parent from outside, and its user's name told?"""
    sleeping.exec_run(["sh", "-c", "sleep 500 & sleep 600"], user="daemon", detach=True)

    def all_three() -> Any:
        found = extension.get(f"containers/{sleeping.id}/processes")["Processes"]
        commands = {" ".join(each["Command"]): each for each in found}
        return commands if {"sleep 1000", "sleep 500", "sleep 600"} <= set(commands) else None

    found: Any = until(all_three, what="three processes")
    assert found["sleep 500"]["User"]["Name"] == "daemon"
    assert found["sleep 500"]["User"]["Container"] == 1
    assert found["sleep 1000"]["Parent"] == 0
    assert found["sleep 500"]["Parent"] not in (0, 1)


def test_processes_without_control_groups(
    engine: EngineProcess, extension: Extension, sleeping: Container
) -> None:
    """Is what a container runs found by its namespaces too, where there are no groups?"""
    from lab.engine import processes

    outside = of_host(engine, "sleep 1000")
    assert processes._same_mounts(outside) == [outside]


def test_cgroup_sample(extension: Extension, sleeping: Container) -> None:
    """Are limit, use and version told, or that there is no group?"""
    told = extension.get(f"containers/{sleeping.id}/cgroup")
    assert told["Running"]
    if told["Version"] is None:
        assert told["Memory"]["Bytes"] is None
    else:
        assert told["Memory"]["LimitBytes"] == 64 << 20
        assert 0 < told["Memory"]["Bytes"] < 64 << 20
        assert told["Cpu"]["UsageNano"] > 0
        assert told["Pids"]["Current"] == 1
    sleeping.kill()
    assert not extension.get(f"containers/{sleeping.id}/cgroup")["Running"]


def test_cgroup_stream(engine: EngineProcess, sleeping: Container) -> None:
    """Do samples come at the asked-for pace, until the container is removed?"""
    path = f"containers/{sleeping.id}/cgroup/stream?interval=0.1"
    with collected(engine, path) as samples:
        until(lambda: len(samples) > 3, what="samples")
        times = [sample["TimeNano"] for sample in samples]
        assert times[3] - times[0] >= 0.3e9
        sleeping.remove(force=True)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("containers/nobody/namespaces", 404, "No such container: nobody"),
        ("containers/nobody/processes", 404, "No such container: nobody"),
        ("containers/nobody/cgroup/stream", 404, "No such container: nobody"),
        ("containers/{id}/processes", 409, "container {id} is not running"),
        ("containers/{id}/namespaces", 409, "container {id} is not running"),
        (
            "containers/{id}/cgroup/stream?interval=0",
            400,
            "interval must be from 0.1 to 60 seconds",
        ),
        (
            "containers/{id}/cgroup/stream?interval=often",
            400,
            "interval must be a number of seconds: often",
        ),
    ],
)
def test_refusals(
    client: docker.DockerClient, extension: Extension, path: str, status: int, message: str
) -> None:
    """Is what cannot be told refused with Docker's status and a sentence?"""
    container = client.containers.create("busybox", "true")
    answer = extension.ask(path.format(id=container.id))
    assert answer.status_code == status
    assert answer.json() == {"message": message.format(id=container.id)}


def test_many_containers_are_quick(
    engine: EngineProcess, client: docker.DockerClient, extension: Extension
) -> None:
    """Is the answer about many containers made within a moment, and is no descriptor left open?"""
    for _ in range(10):
        client.containers.run("busybox", "sleep 1000", detach=True)
    extension.get("namespaces")
    before = raw.files_of(raw.daemon_of(engine))
    for _ in range(5):
        assert extension.ask("namespaces").elapsed.total_seconds() < 2.0
    for each in client.containers.list():
        extension.get(f"containers/{each.id}/processes")
    # one more connection of this client's may have been opened, and kept
    assert raw.files_of(raw.daemon_of(engine)) <= before + 2
