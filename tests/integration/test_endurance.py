"""A long day of an engine: a thousand containers, one after another."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import docker
import pytest

from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration import host
from tests.integration.raw import daemon_of, files_of, resident_megabytes, threads_of

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
AT_ONCE = 50


def run_some(client: docker.DockerClient, count: int) -> None:
    for _ in range(count):
        made = client.containers.run("busybox", "true", remove=True, ports={"80/tcp": None})
        assert made == b""


@pytest.mark.long
def test_a_thousand_containers(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Do open files, threads, processes and memory of the daemon not grow?"""
    daemon = daemon_of(engine)
    run_some(client, 100)
    files, threads, memory = files_of(daemon), threads_of(daemon), resident_megabytes(daemon)
    processes = len(host.descendants(engine.process.pid))
    run_some(client, 1000)
    until(lambda: len(host.descendants(engine.process.pid)) <= processes, what="all have ended")
    assert files_of(daemon) <= files + 3
    assert threads_of(daemon) <= threads + 2
    assert resident_megabytes(daemon) < memory + 8


@pytest.mark.long
def test_probes_for_long(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Does a container that is probed all the time leave nothing behind either?"""
    daemon = daemon_of(engine)
    check = {"test": ["CMD", "true"], "interval": 20_000_000}
    container = client.containers.run("busybox", "sleep 1000", detach=True, healthcheck=check)

    def wait_for_probes(count: int) -> None:
        filters = {"container": container.id, "event": "exec_die"}
        found = client.events(since=1, until=4_000_000_000, filters=filters, decode=True)
        for _ in zip(range(count), found, strict=False):
            pass
        found.close()

    wait_for_probes(50)
    files, threads, memory = files_of(daemon), threads_of(daemon), resident_megabytes(daemon)
    wait_for_probes(500)
    assert files_of(daemon) <= files + 12
    assert threads_of(daemon) <= threads + 2
    assert resident_megabytes(daemon) < memory + 8


@pytest.mark.long
def test_fifty_runs_of_the_cli_at_once(cli: Cli) -> None:
    """Do fifty `docker run` at once all succeed, each with its own output?"""

    def run(number: int) -> bool:
        done = cli("run", "--rm", "busybox", "echo", str(number))
        return (done.returncode, done.stdout) == (0, f"{number}\n")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert all(pool.map(run, range(AT_ONCE)))
