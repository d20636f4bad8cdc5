"""What is asked of running containers: top, stats, update."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import docker
import pytest
from docker.errors import APIError

from tests.conftest import until

Cli = Callable[..., Any]
SLEEP = "sleep 1000"
MB = 1 << 20


def test_top(client: docker.DockerClient, cli: Cli) -> None:
    """Are processes listed as ps lists them, also those of an exec, and other users by name?"""
    container = client.containers.run("busybox", SLEEP, detach=True, name="topped")
    client.api.exec_start(
        client.api.exec_create(container.id, "sleep 99", user="65534")["Id"], True
    )
    table = container.top()
    assert " ".join(table["Titles"]) == "UID PID PPID C STIME TTY TIME CMD"
    container.reload()
    first, second = table["Processes"]
    assert (first[0], int(first[1]), first[7]) == ("root", container.attrs["State"]["Pid"], SLEEP)
    assert (second[0], second[7]) == ("nobody", "sleep 99")
    done = cli("top", "topped", "-o", "pid,comm")
    assert done.stdout.splitlines()[0].split() == ["PID", "COMMAND"]
    assert [line.split()[1] for line in done.stdout.splitlines()[1:]] == ["sleep", "sleep"]
    done = cli("top", "topped", "aux")
    assert done.stdout.splitlines()[1].split()[-2:] == SLEEP.split()
    with pytest.raises(APIError, match="Couldn't find PID field in ps output"):
        container.top(ps_args="-o comm")
    with pytest.raises(APIError, match="ps: error"):
        container.top(ps_args="--nosuch")


def test_stats(client: docker.DockerClient, cli: Cli) -> None:
    """Do readings tell memory, processor, processes and network, with the reading before?"""
    container = client.containers.run("nginx", detach=True, mem_limit=64 * MB, name="measured")
    shot = client.api.stats(container.id, stream=False, one_shot=True)
    assert shot["preread"] == "0001-01-01T00:00:00Z"
    now = container.stats(stream=False)
    if not client.info()["MemoryLimit"]:
        pytest.skip("this host lends no control groups")
    assert now["memory_stats"]["limit"] == 64 * MB
    assert 0 < now["memory_stats"]["usage"] <= 64 * MB
    assert now["pids_stats"]["current"] >= 2
    assert now["cpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert now["cpu_stats"]["system_cpu_usage"] > now["precpu_stats"]["system_cpu_usage"] > 0
    assert (now["id"], now["name"]) == (container.id, "/measured")
    assert set(now["networks"]) == {"eth0"}
    columns = "{{.Name}} {{.MemUsage}} {{.PIDs}}"
    done = cli("stats", "--no-stream", "--format", columns, "measured")
    name, used, _, limit, pids = done.stdout.split()
    assert (name, limit) == ("measured", "64MiB")
    assert used.endswith("MiB") and int(pids) >= 2


def test_a_stream_of_stats(client: docker.DockerClient) -> None:
    """Does a stream bring one reading after the other, each with the one before it?"""
    container = client.containers.run("busybox", "sh -c 'while :; do :; done'", detach=True)
    stream = container.stats(decode=True)
    first, second = next(stream), next(stream)
    assert second["preread"] == first["read"]
    if client.info()["CpuCfsQuota"]:
        used = [each["cpu_stats"]["cpu_usage"]["total_usage"] for each in (first, second)]
        assert used[1] - used[0] > 10_000_000
    container.kill()
    # as with Docker, a stopped container's readings are empty
    until(lambda: next(stream)["read"] == "0001-01-01T00:00:00Z")
    stream.close()
    assert container.stats(stream=False)["memory_stats"] == {}


def test_update(client: docker.DockerClient, cli: Cli) -> None:
    """Do new limits hold at once in a running container, and is all of it remembered?"""
    if not client.info()["MemoryLimit"]:
        pytest.skip("this host lends no control groups")
    container = client.containers.run(
        "busybox", SLEEP, detach=True, mem_limit=32 * MB, name="updated"
    )
    done = cli("update", "-m", "64m", "--memory-swap", "64m", "--cpus", "0.5", "updated")
    assert (done.stdout, done.stderr) == ("updated\n", "")
    done = cli("update", "--pids-limit", "9", "--restart", "on-failure:3", "updated")
    assert done.returncode == 0, done.stderr
    container.reload()
    host = container.attrs["HostConfig"]
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (64 * MB, 500_000_000, 9)
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    shot = client.api.stats(container.id, stream=False, one_shot=True)
    assert (shot["memory_stats"]["limit"], shot["pids_stats"]["limit"]) == (64 * MB, 9)
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 >/dev/null 2>&1 & done"
    done = cli("exec", "updated", "sh", "-c", script)
    assert "can't fork" in done.stderr


def test_updates_that_are_refused(client: docker.DockerClient) -> None:
    """Are changes that contradict each other refused in Docker's words, and nothing changed?"""
    container = client.containers.create("busybox", SLEEP, mem_limit=32 * MB, nano_cpus=10**8)
    if not client.info()["MemoryLimit"]:
        pytest.skip("this host lends no control groups")
    refused = [
        ({"mem_limit": 128 * MB}, "Memory limit should be smaller than already set memoryswap"),
        ({"mem_limit": 5}, "Minimum memory limit allowed is 6MB"),
        ({"cpu_period": 50_000}, "CPU Period cannot be updated as NanoCPUs has already been set"),
        ({"restart_policy": {"Name": "maybe"}}, "unknown policy 'maybe'"),
    ]
    before = client.api.inspect_container(container.id)["HostConfig"]
    for change, message in refused:
        with pytest.raises(APIError, match=message):
            container.update(**change)
    assert client.api.inspect_container(container.id)["HostConfig"] == before
    temporary = client.containers.create("busybox", SLEEP, auto_remove=True)
    with pytest.raises(APIError, match="cannot be updated because AutoRemove is enabled"):
        temporary.update(restart_policy={"Name": "always"})


def test_out_of_memory(client: docker.DockerClient) -> None:
    """Is a container that the kernel ends for its memory shown so, with the event?"""
    if not client.info()["MemoryLimit"]:
        pytest.skip("this host lends no control groups")
    begin = int(time.time()) - 1
    script = ["sh", "-c", "a=x; while :; do a=$a$a; done"]
    container = client.containers.run(
        "busybox", script, detach=True, mem_limit=8 * MB, memswap_limit=8 * MB
    )
    assert container.wait()["StatusCode"] == 137
    container.reload()
    assert container.attrs["State"]["OOMKilled"] is True
    filters = {"container": container.id, "event": "oom"}
    found = client.events(since=begin, until=int(time.time()) + 1, filters=filters, decode=True)
    assert len(list(found)) == 1
