"""Running containers: one, in another, fifty at once; and what a thousand, or a hundred, leave or need."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker

from bench.engines import IMAGE, Peer
from bench.measure import Case, cli, environ, timed
from lab.kernel import procfs

AT_ONCE = 50


def cases() -> Iterator[Case]:
    """Yield what is to be timed; a container `target` runs on both engines."""
    yield Case(
        "docker run --rm busybox true",
        0.2,
        lambda peer: timed(peer.host, "run", "--rm", IMAGE, "true"),
    )
    yield Case(
        "docker exec CONTAINER true", 0.5, lambda peer: timed(peer.host, "exec", "target", "true")
    )
    yield Case(f"{AT_ONCE} times docker run --rm at once", 0.25, _at_once, 3)


def _at_once(peer: Peer) -> float:
    words = ["docker", "run", "--rm", IMAGE, "true"]
    started = time.perf_counter()
    runs = [
        subprocess.Popen(
            words, env=environ(peer.host), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(AT_ONCE)
    ]
    failed = sum(run.wait() != 0 for run in runs)
    seconds = time.perf_counter() - started
    if failed and peer.name == "ours":
        raise SystemExit(f"bench: {failed} of {AT_ONCE} runs at once failed")
    return seconds


@dataclass(frozen=True)
class Use:
    """What a process has: open files, threads, resident megabytes."""

    files: int
    threads: int
    megabytes: float

    @classmethod
    def of(cls, pid: int) -> Use:
        return cls(
            len(os.listdir(f"/proc/{pid}/fd")),
            len(os.listdir(f"/proc/{pid}/task")),
            procfs.resident_bytes(pid) / 1e6,
        )


def one_after_another(peer: Peer, daemon: int, count: int = 1000) -> tuple[Use, Use]:
    """Run `count` containers; return what the daemon has after the first tenth, and at the end."""
    client = docker.DockerClient(base_url=peer.host)
    early = Use.of(daemon)
    for number in range(count):
        container = client.containers.create(IMAGE, "true")
        container.start()
        container.wait()
        container.remove()
        if number + 1 == count // 10:
            early = Use.of(daemon)
    client.close()
    return early, Use.of(daemon)


def with_running(peer: Peer, pids: list[int], count: int = 100) -> float:
    """Return the resident megabytes of processes while `count` containers run."""
    client = docker.DockerClient(base_url=peer.host)
    for _ in range(count):
        client.containers.run(IMAGE, "sleep 100000", detach=True, labels={"bench": "many"})
    megabytes = sum(procfs.resident_bytes(pid) for pid in pids) / 1e6
    ids = [each.id for each in client.containers.list(filters={"label": "bench=many"})]
    client.close()
    cli(peer.host, "rm", "-f", *ids)
    assert Path("/proc").exists()
    return megabytes
