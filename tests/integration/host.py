"""What of the host an engine could leave changed: looked at before and after."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from lab.kernel import procfs
from lab.sandbox.process import EngineProcess

_BOOT = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True)
class Host:
    """Mounts, network interfaces and forwarding rules of this host."""

    mounts: frozenset[str]
    links: frozenset[str]
    forwarding: str

    @classmethod
    def look(cls) -> Host:
        return cls(
            mounts=frozenset(f"{each.mount_point} {each.fstype}" for each in procfs.mounts()),
            links=frozenset(os.listdir("/sys/class/net")),
            forwarding=Path("/proc/sys/net/ipv4/ip_forward").read_text(),
        )


def is_around(engine: EngineProcess) -> bool:
    """Say whether the engine's containers run on this host's kernel, as one of them sees it."""
    client = docker.DockerClient(base_url=engine.host)
    try:
        client.images.pull("busybox", "latest")
        said: bytes = client.containers.run("busybox", ["cat", _BOOT], remove=True)
    finally:
        client.close()
    return said.decode() == Path(_BOOT).read_text()


def require_one_kernel(
    engine: EngineProcess,
    reason: str = "the engine has a kernel of its own, whose processes are not seen from here",
) -> None:
    """Skip the test, for `reason`, if the engine is in a machine of its own."""
    if not is_around(engine):
        pytest.skip(reason)


def parent(pid: int) -> int:
    """Return the parent of a process; 0 if there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


def descendants(pid: int) -> set[int]:
    """Return a process and all below it."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                text = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parents[int(entry)] = int(text.rpartition(")")[2].split()[1])
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def everyone() -> set[int]:
    """Return all processes of the host."""
    return {int(entry) for entry in os.listdir("/proc") if entry.isdecimal()}


def working_folder(pid: int) -> Path:
    """Return where a process is; the root folder if it is gone."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return Path("/")


def commands(pids: set[int]) -> dict[int, str]:
    """Return the command lines of processes."""
    found = {}
    for pid in pids:
        try:
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def alive(pids: set[int]) -> set[int]:
    """Return those which still exist and are no zombies."""
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            found.add(pid)
    return found


def network_namespaces(pids: Iterable[int] | None = None) -> set[int]:
    """Return the network namespaces of processes, by default of all."""
    found = set()
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if pids is None else pids:
        try:
            found.add(procfs.namespace(pid, "net"))
        except OSError:
            continue
    return found


def cgroup_folders() -> set[str]:
    """Return the folders that labs have made in the host's cgroup hierarchies."""
    top = Path("/sys/fs/cgroup")
    return {
        str(path)
        for pattern in ("lab-*", "*/lab-*", "*/*/lab-*", "*/*/*/lab-*")
        for path in top.glob(pattern)
    }
