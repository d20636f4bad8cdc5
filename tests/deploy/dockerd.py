"""A real Docker Engine for a test, in namespaces of its own, so that the host stays as it is."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import docker

START_LIMIT = 60.0
IMAGES = ("busybox:latest", "debian:latest", "nginx:latest")


class NoDocker(Exception):
    """No Docker Engine can be run here; the message says why."""


@dataclass(frozen=True)
class DockerEngine:
    """A running one: its address, and its process, whose network namespace has its ports."""

    host: str
    pid: int

    def beside(self, *words: str) -> list[str]:
        """Return the command line that runs `words` where the engine publishes ports."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *words]


@contextlib.contextmanager
def docker_engine(folder: Path, catalog: Path) -> Iterator[DockerEngine]:
    """Run a Docker Engine that has the catalog's images; NoDocker."""
    program = shutil.which("dockerd")
    if program is None:
        raise NoDocker("there is no dockerd on PATH")
    if os.geteuid() != 0:
        raise NoDocker("only root can run dockerd")
    socket = folder / "dockerd.sock"
    group = f"deploy-test-{os.getpid()}"
    daemon = _start(program, folder, socket, group)
    try:
        client = _wait(socket, daemon, folder / "dockerd.log")
        try:
            client.images.load(_archive(catalog, IMAGES))
            yield DockerEngine(f"unix://{socket}", daemon.pid)
            for container in client.containers.list(all=True):
                container.remove(force=True)
        finally:
            client.close()
    finally:
        daemon.terminate()
        daemon.wait(60)
        for path in Path("/sys/fs/cgroup").glob(f"**/{group}"):
            with contextlib.suppress(OSError):
                path.rmdir()


def _start(program: str, folder: Path, socket: Path, group: str) -> subprocess.Popen[bytes]:
    words = [program, "-H", f"unix://{socket}", "--data-root", f"{folder}/data"]
    words += ["--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
    words += ["--iptables=false", "--cgroup-parent", f"/{group}"]
    shell = 'ip link set lo up && exec "$@"'
    argv = ["unshare", "--net", "--mount", "sh", "-c", shell, "sh", *words]
    with (folder / "dockerd.log").open("wb") as log:
        return subprocess.Popen(argv, stdout=log, stderr=log)


def _wait(socket: Path, daemon: subprocess.Popen[bytes], log: Path) -> docker.DockerClient:
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end and daemon.poll() is None:
        if socket.exists():
            with contextlib.suppress(docker.errors.DockerException):
                return docker.DockerClient(base_url=f"unix://{socket}", timeout=60)
        time.sleep(0.1)
    said = log.read_text(errors="replace").strip().splitlines()
    raise NoDocker(f"dockerd does not start here: {said[-1] if said else 'it said nothing'}")


def _archive(catalog: Path, names: Sequence[str]) -> bytes:
    """Return images of the catalog as `docker load` takes them from any version of Docker.

    Source: moby, image/spec/v1.2.md, Combined Image JSON + Filesystem Changeset Format.
    """
    entries: dict[str, dict[str, object]] = {}
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for described in json.loads((catalog / "index.json").read_text())["manifests"]:
            name = described["annotations"]["org.opencontainers.image.ref.name"]
            if name in names:
                manifest = json.loads(_blob(catalog, described["digest"]).read_bytes())
                paths = [each["digest"] for each in (manifest["config"], *manifest["layers"])]
                files = [f"{digest.partition(':')[2]}.bin" for digest in paths]
                for digest, file in zip(paths, files, strict=True):
                    archive.add(_blob(catalog, digest), file)
                entries[name] = {"Config": files[0], "RepoTags": [name], "Layers": files[1:]}
        listed = json.dumps(list(entries.values())).encode()
        member = tarfile.TarInfo("manifest.json")
        member.size = len(listed)
        archive.addfile(member, io.BytesIO(listed))
    return output.getvalue()


def _blob(catalog: Path, digest: str) -> Path:
    return catalog / "blobs" / digest.replace(":", "/")
