"""Control groups, version 2, with all controllers: the kernel of the guest holds what is asked for."""

from __future__ import annotations

import os
import site
from pathlib import Path

import docker
import pytest

from tests.conftest import ROOT
from tests.vm.looking import PYTHON, Guest


def test_too_much_memory(client: docker.DockerClient) -> None:
    """Is a container that wants more than its memory killed, and told to have been?"""
    assert client.info()["CgroupVersion"] == "2"
    container = client.containers.run("busybox", "tail /dev/zero", mem_limit="16m", detach=True)
    assert container.wait(timeout=60)["StatusCode"] == 137
    container.reload()
    assert container.attrs["State"]["OOMKilled"] is True
    # the engine, and others, live on
    assert client.containers.run("busybox", "echo on", remove=True) == b"on\n"


def test_more_memory_than_there_is(client: docker.DockerClient) -> None:
    """Does a container without a limit that eats all memory die before the engine does?"""
    container = client.containers.run("busybox", "tail /dev/zero", detach=True)
    assert container.wait(timeout=120)["StatusCode"] == 137
    assert client.containers.run("busybox", "echo on", remove=True) == b"on\n"


def test_too_many_processes(client: docker.DockerClient) -> None:
    """Does a fork bomb end at its limit?"""
    script = "n=0; while [ $n -lt 20 ]; do sleep 30 & n=$((n+1)); done; wait"
    container = client.containers.run("busybox", ["sh", "-c", script], pids_limit=8, detach=True)
    container.wait(timeout=60)
    assert b"can't fork" in container.logs()


def test_a_slow_processor(client: docker.DockerClient) -> None:
    """Is a busy container held to its part of the processor, and is that counted?"""
    script = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; cat /sys/fs/cgroup/cpu.stat"
    said = client.containers.run(
        "busybox", ["sh", "-c", script], nano_cpus=200_000_000, remove=True
    )
    counted = dict(line.split() for line in said.decode().splitlines())
    assert int(counted["nr_throttled"]) > 0
    assert int(counted["throttled_usec"]) > 0


def test_the_contract(guest: Guest) -> None:
    """Does the suite for managers of control groups pass on the guest's own hierarchy?

    It is run in the guest, from the host's files.
    """
    packages = [path for path in site.getsitepackages() if os.path.isdir(path)]
    if not Path("/bin/sh").exists() or not packages:
        pytest.skip("the host has no programs for the guest to borrow")
    script = (
        "import os, sys\n"
        f"sys.path[:0] = ['/host{ROOT}'] + ['/host' + path for path in {packages}]\n"
        "os.environ['PATH'] = '/host/usr/bin:/host/bin'\n"
        f"os.chdir('/host{ROOT}')\n"
        "import pytest\n"
        "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '--noconftest', '-k', 'real',\n"
        "    'tests/contract/test_cgroups.py']))\n"
    )
    code, said = guest.run(PYTHON, "-I", "-B", "-c", script, limit=400)
    assert code == 0, said
    # what is skipped is about folders without a kernel behind them
    assert "9 passed, 1 skipped" in said
