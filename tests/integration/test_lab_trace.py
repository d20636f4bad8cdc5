"""/lab/v1/trace: calls of the API and the system calls that they led to, as strace sees them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration import host, raw
from tests.integration.extension import collected

COMPARED = (
    "clone unshare mount umount2 pivot_root open_tree move_mount mount_setattr setns prctl"
    " sethostname setdomainname capset execve sendto"
).split()
"""Every one of these that a start makes is to be in the trace."""

_LINE = re.compile(r"^(\d+) +(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+)(?: (E[A-Z0-9]+))?", re.DOTALL)

Call = tuple[str, str]


def calls(records: list[dict[str, Any]], process: str) -> list[dict[str, Any]]:
    return [each for each in records if each["Kind"] == "call" and each["Process"] == process]


def test_a_run_is_told(engine: EngineProcess, client: docker.DockerClient) -> None:
    """Are the calls of the API and of the kernel told in order, each for the request it was for?"""
    with collected(engine, "trace") as records:
        container = client.containers.run("busybox", "true", hostname="traced", detach=True)
        container.wait()
        until(lambda: calls(records, "init"), what="the start is told")
    requests = [each for each in records if each["Kind"] == "request"]
    starts = [each for each in requests if each["Path"].endswith(f"/{container.id}/start")]
    assert [each["Method"] for each in starts] == ["POST"]
    request = starts[0]["Request"]
    told = [each for each in records if each["Kind"] == "call" and each["Request"] == request]
    names = [each["Name"] for each in told]
    for name in ("mkdir", "clone", "unshare", "mount", "sendto", "pivot_root", "execve"):
        assert name in names, name
    named = next(each for each in told if each["Name"] == "sethostname")
    assert named["Arguments"] == {"name": "traced"}
    assert (named["Process"], named["Result"], named["Error"]) == ("init", 0, "")
    assert {each["Task"] for each in told if each["Process"] != "daemon"} == {container.id}
    answers = {each["Request"]: each for each in records if each["Kind"] == "response"}
    assert answers[request]["Status"] == 204
    assert answers[request]["DurationNano"] > 0
    unshared = next(each for each in told if each["Name"] == "unshare")
    assert unshared["Arguments"] == {"flags": "CLONE_NEWNS"}


def test_an_exec_is_told(engine: EngineProcess, client: docker.DockerClient) -> None:
    """Does an exec join namespaces, and run its program in there?"""
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    with collected(engine, "trace") as records:
        container.exec_run(["echo", "hello"])
        until(lambda: calls(records, "exec"), what="the exec is told")
    joined = next(each for each in calls(records, "enter") if each["Name"] == "setns")
    assert "CLONE_NEWPID" in joined["Arguments"]["flags"]
    last = calls(records, "exec")[-1]
    assert (last["Name"], last["Arguments"]["argv"]) == ("execve", "echo hello")


def test_a_refused_start_is_told(engine: EngineProcess, client: docker.DockerClient) -> None:
    """Are a status and the calls of a start that fails told too?"""
    with collected(engine, "trace") as records:
        with pytest.raises(docker.errors.APIError):
            client.containers.run("busybox", "nonsense")
        until(lambda: any(each.get("Status") == 400 for each in records), what="the answer")
    assert "pivot_root" in [each["Name"] for each in calls(records, "init")]
    assert "execve" not in [each["Name"] for each in calls(records, "init")]


def test_silence_without_a_listener(engine: EngineProcess, client: docker.DockerClient) -> None:
    """Is nothing told of what was before, and do later listeners hear all?"""
    client.containers.run("busybox", "true", remove=True)
    for _ in range(2):
        with collected(engine, "trace") as records:
            client.ping()
            until(lambda: [e for e in records if e["Kind"] == "response"], what="the answer")
        assert [each["Path"] for each in records if each["Kind"] == "request"] == ["/v1.47/_ping"]


@contextmanager
def strace(pids: list[int], output: Path) -> Iterator[None]:
    """Have strace look at processes, and at all that they fork."""
    words = ["strace", "-f", "-s", "4096", "-o", str(output)]
    words += ["-e", "trace=" + ",".join([*COMPARED, "mkdir", "write"])]
    for pid in pids:
        words += ["-p", str(pid)]
    tracer = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        until(lambda: all(map(_is_traced, pids)) or tracer.poll() is not None, what="strace")
        if tracer.poll() is not None:
            pytest.skip("strace may not look at the engine's processes here")
        yield
    finally:
        tracer.terminate()
        tracer.wait(20)


def _is_traced(pid: int) -> bool:
    tasks = Path(f"/proc/{pid}/task").glob("*/status")
    return all("TracerPid:\t0\n" not in task.read_text() for task in tasks)


def parse(text: str) -> dict[int, list[tuple[str, str, str]]]:
    """Return (name, arguments, errno) of all calls, in order, by process."""
    found: dict[int, list[tuple[str, str, str]]] = {}
    begun: dict[int, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        pid, rest = int(match[1]), match[2]
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>").rstrip()
            continue
        if rest.startswith("<... "):
            rest = begun.pop(pid, "") + rest.partition("resumed>")[2]
        call = _CALL.match(rest)
        if call:
            found.setdefault(pid, []).append((call[1], call[2], call[4] or ""))
    return found


def seen_as(name: str, seen: dict[int, list[tuple[str, str, str]]]) -> list[tuple[str, str, str]]:
    """Return the calls of the process that made a call `name`, up to its execve."""
    (found,) = [
        made
        for pid, made in seen.items()
        if any(
            call == name or f"{call}({arguments})".startswith(name) for call, arguments, _ in made
        )
    ]
    names = [call for call, _, _ in found]
    return found[: names.index("execve") + 1] if "execve" in names else found


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.skipif(os.getuid() != 0, reason="only root may trace processes of another namespace")
def test_strace_sees_the_same(
    engine: EngineProcess, client: docker.DockerClient, tmp_path: Path
) -> None:
    """Are the traced calls of setup and init exactly those that strace sees, in order?"""
    daemon = raw.daemon_of(engine)
    spawner = host.parent(daemon)
    output = tmp_path / "strace"
    with collected(engine, "trace") as records:
        with strace([spawner, daemon], output):
            container = client.containers.run("busybox", "true", detach=True)
            container.wait()
        until(lambda: calls(records, "init"), what="the start is told")
    seen = parse(output.read_text())
    for process, mark in (("setup", "unshare"), ("init", "pivot_root")):
        real = [call for call in seen_as(mark, seen) if call[0] in COMPARED]
        told = [each for each in calls(records, process) if each["Name"] in COMPARED]
        assert [(each["Name"], each["Error"]) for each in told] == [
            (name, error) for name, _, error in real
        ]
        for each, (name, arguments, _) in zip(told, real, strict=True):
            if name in ("mount", "umount2", "sethostname"):
                where = each["Arguments"].get("target", each["Arguments"].get("name"))
                assert f'"{where}"' in arguments
    made = [arguments for each in seen.values() for call, arguments, _ in each if call == "mkdir"]
    for each in calls(records, "daemon"):
        if each["Name"] == "mkdir":
            assert any(f'"{each["Arguments"]["path"]}"' in arguments for arguments in made)
    written = [
        arguments for each in seen.values() for call, arguments, _ in each if call == "write"
    ]
    maps = [each for each in calls(records, "setup") if each["Name"] == "write"]
    assert {each["Arguments"]["path"].rpartition("/")[2] for each in maps} >= {"uid_map", "gid_map"}
    for each in maps:
        text = str(each["Arguments"]["text"]).replace("\n", "\\n")
        assert any(f'"{text}"' in arguments for arguments in written)
