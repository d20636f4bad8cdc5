"""Options about a container's rights, and its first process, through the genuine CLI."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker

from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration import host

Cli = Callable[..., Any]


def status_of(cli: Cli, *options: str) -> dict[str, str]:
    done = cli("run", "--rm", *options, "busybox", "cat", "/proc/self/status")
    assert done.returncode == 0, done.stderr
    pairs = (line.partition(":") for line in done.stdout.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def test_privileged(engine: EngineProcess, cli: Cli, client: docker.DockerClient) -> None:
    """Has it all capabilities of its namespace, with a warning, and none of the host's rights?"""
    status = status_of(cli, "--privileged")
    assert int(status["CapEff"], 16) >= (1 << 40) - 1
    assert status["Seccomp"] == "0"
    script = (
        "mkdir /m; mount -t tmpfs x /m && echo mounted; ls /dev | wc -l; sysctl -w vm.swappiness=1"
    )
    done = cli("run", "--rm", "--privileged", "busybox", "sh", "-c", script)
    assert done.stderr.startswith("WARNING: a privileged container has all capabilities of its own")
    assert done.stdout.startswith("mounted\n")
    # a guest's kernel obeys its root, who is a container's root where root started the lab
    if host.is_around(engine):
        assert done.returncode != 0 or "vm.swappiness = 1" not in done.stdout
    container = client.containers.run("busybox", "sleep 99", detach=True)
    plain = container.exec_run("grep CapEff /proc/self/status").output
    whole = container.exec_run("grep CapEff /proc/self/status", privileged=True).output
    assert int(plain.split()[1], 16) < int(whole.split()[1], 16)


def test_security_options(cli: Cli, tmp_path: Path) -> None:
    """Do no-new-privileges, no filter and a filter of one's own reach the process?"""
    assert status_of(cli)["NoNewPrivs"] == "0"
    status = status_of(cli, "--security-opt", "no-new-privileges")
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert status_of(cli, "--security-opt", "seccomp=unconfined")["Seccomp"] == "0"
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
    (tmp_path / "own.json").write_text(json.dumps(profile))
    option = ("--security-opt", f"seccomp={tmp_path / 'own.json'}")
    done = cli("run", "--rm", *option, "busybox", "mkdir", "/x")
    assert done.returncode == 1
    assert "Operation not permitted" in done.stderr


def test_sysctls_and_devices(cli: Cli) -> None:
    """Are parameters of the container's own namespaces set, and devices refused clearly?"""
    sysctl = ("--sysctl", "net.ipv4.ip_default_ttl=42")
    done = cli("run", "--rm", *sysctl, "busybox", "cat", "/proc/sys/net/ipv4/ip_default_ttl")
    assert done.stdout == "42\n"
    done = cli("run", "--rm", "--sysctl", "net.nosuch=1", "busybox", "true")
    assert "open /proc/sys/net/nosuch" in done.stderr
    assert cli("run", "--rm", "--device", "/dev/null", "busybox", "true").returncode == 0
    done = cli("run", "--rm", "--device", "/dev/nosuch", "busybox", "true")
    assert 'custom device "/dev/nosuch": no such file or directory' in done.stderr


def test_init(cli: Cli, client: docker.DockerClient) -> None:
    """Is the first process one that reaps orphans, forwards signals and hands on the exit code?"""
    script = "trap 'exit 9' TERM; (sleep 0.05 &); while :; do sleep 0.05; done"
    container = client.containers.run("busybox", ["sh", "-c", script], detach=True, init=True)

    def commands() -> list[str]:
        return [row[-1] for row in container.top()["Processes"]]

    assert commands()[0] == f"/sbin/docker-init -- sh -c {script}"
    assert commands()[1] == f"sh -c {script}"
    until(lambda: len(commands()) <= 3, what="the orphan is gone")
    assert not any("defunct" in each for each in commands())
    container.reload()
    assert container.attrs["Path"] == "sh"
    container.stop()
    assert container.wait()["StatusCode"] == 9
    assert cli("run", "--rm", "--init", "busybox", "sh", "-c", "exit 5").returncode == 5
    done = cli("run", "--rm", "--init", "busybox", "nosuch")
    assert done.returncode == 127


def test_init_at_a_terminal(client: docker.DockerClient) -> None:
    """Has the program the terminal, and not the first process?"""
    script = ["sh", "-c", "echo $$; cat /proc/self/stat; true"]
    container = client.containers.run("busybox", script, detach=True, init=True, tty=True)
    container.wait()
    pid, stat = container.logs().split(b"\r\n")[:2]
    assert pid == b"2"
    words = stat.split()
    assert words[4] == words[7] == b"2", "its group is the foreground group"
