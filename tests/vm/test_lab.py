"""/lab/v1/ in the guest: the same answers, where "host" is the guest."""

from __future__ import annotations

import docker

from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration.extension import Extension, collected


def test_namespaces_and_processes(client: docker.DockerClient) -> None:
    """Are guest, sandbox and container apart, and is a process numbered in all three?"""
    extension = Extension(client)
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    places = {place["Kind"]: place for place in extension.get("namespaces")["Places"]}
    for kind in ("mnt", "net", "pid", "user"):
        inodes = {places[where]["Namespaces"][kind] for where in ("host", "sandbox", "container")}
        assert len(inodes) == 3, kind
    (first,) = extension.get(f"containers/{container.id}/processes")["Processes"]
    assert first["Pid"]["Container"] == 1
    assert first["Pid"]["Host"] > first["Pid"]["Sandbox"] > 1
    assert first["User"]["Name"] == "root"
    sample = extension.get(f"containers/{container.id}/cgroup")
    assert sample["Version"] == 2
    assert sample["Memory"]["Bytes"] > 0


def test_trace(engine: EngineProcess, client: docker.DockerClient) -> None:
    """Does a start in the guest tell its system calls?"""
    with collected(engine, "trace") as records:
        container = client.containers.run("busybox", "true", detach=True)
        container.wait()
        until(lambda: any(each.get("Process") == "init" for each in records), 30, "the start")
    names = {each.get("Name") for each in records if each.get("Process") == "init"}
    assert {"pivot_root", "sethostname", "execve"} <= names
