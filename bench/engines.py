"""The two engines that are compared: ours, and Docker's, each on a socket under a temporary folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import docker

from lab.catalog.stamp import is_complete
from lab.config import Config
from lab.oci import fields
from lab.oci.manifest import Manifest, parse
from lab.sandbox import process, reset

IMAGE = "busybox"


@dataclass(frozen=True)
class Peer:
    """One of the two engines: where it listens, and a command that enters its network namespace."""

    name: str
    host: str
    enter: Sequence[str] = ()


@contextlib.contextmanager
def ours(folder: Path, catalog: Path) -> Iterator[process.EngineProcess]:
    """Run the lab's engine."""
    root = folder / "lab"
    with process.running(root, folder / "lab.sock", catalog=catalog) as engine:
        client = docker.DockerClient(base_url=engine.host)
        client.images.pull(IMAGE, "latest")
        client.close()
        yield engine
    reset.remove(root)


@contextlib.contextmanager
def dockers(folder: Path, catalog: Path) -> Iterator[Peer | None]:
    """Run a Docker Engine in a network namespace of its own; None if there is none to run."""
    program = shutil.which("dockerd")
    if program is None or os.getuid() != 0:
        yield None
        return
    socket = folder / "dockerd.sock"
    argv = ["unshare", "--net", program, "-H", f"unix://{socket}", "--data-root", f"{folder}/data"]
    argv += ["--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen([*argv, "--iptables=false"], stdout=log, stderr=log)
    try:
        _wait(socket, daemon)
        client = docker.DockerClient(base_url=f"unix://{socket}", timeout=60)
        layer = _layer(catalog)
        client.api.import_image_from_file(str(layer), repository=IMAGE, tag="latest")
        client.close()
        enter = ("nsenter", "-t", str(daemon.pid), "-n")
        subprocess.run([*enter, "ip", "link", "set", "lo", "up"], check=True)
        yield Peer("theirs", f"unix://{socket}", enter)
    finally:
        daemon.terminate()
        daemon.wait(60)


def find_catalog() -> Path:
    """Return the catalog of `lab setup`, or of the tests."""
    own = Config.from_environ().catalog
    for folder in (own, Path(".lab-test/catalog").absolute()):
        if is_complete(folder):
            return folder
    raise SystemExit("bench: no images yet; run `make setup` first")


def _layer(catalog: Path) -> Path:
    """Return the blob with busybox's only layer."""
    index = fields.load_object((catalog / "index.json").read_bytes(), "index.json")
    for entry in fields.objects(index, "manifests"):
        name = fields.text_map(entry, "annotations").get("org.opencontainers.image.ref.name")
        if name == f"{IMAGE}:latest":
            manifest = parse(_blob(catalog, entry["digest"]).read_bytes())
            assert isinstance(manifest, Manifest)
            return _blob(catalog, str(manifest.layers[0].digest))
    raise SystemExit(f"bench: the catalog has no {IMAGE}")


def _blob(catalog: Path, digest: str) -> Path:
    return catalog / "blobs" / digest.replace(":", "/")


def _wait(socket: Path, daemon: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and daemon.poll() is None:
        with contextlib.suppress(Exception):
            client = docker.DockerClient(base_url=f"unix://{socket}", timeout=5)
            client.ping()
            client.close()
            return
        time.sleep(0.1)
    raise SystemExit("bench: the Docker Engine did not start")
