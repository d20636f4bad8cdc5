"""Tests of the Hub on a port: programs that know nothing of the lab push to it and pull from it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from lab.sandbox.process import EngineProcess
from tests.conftest import cli_environ
from tests.integration import host

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def address(engine: EngineProcess, tmp_path: Path) -> Iterator[str]:
    """`lab hub serve` beside the engine; where it says that the Hub is."""
    root = Path(engine.host.removeprefix("unix://")).parent / "shared"
    lab = [sys.executable, "-m", "lab.cli", "hub"]
    made = subprocess.run(
        [*lab, "add-user", "dave1", "--password-stdin", "--root", str(root)],
        input="sesame\n",
        text=True,
        capture_output=True,
    )
    assert made.returncode == 0 or "already taken" in made.stderr
    with subprocess.Popen(
        [*lab, "serve", "--port", "0", "--root", str(root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**cli_environ(engine, tmp_path), "PYTHONPATH": str(Path.cwd())},
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        yield said.partition(" is at ")[2].partition(",")[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_docker_pushes_and_pulls(
    engine: EngineProcess, client: docker.DockerClient, cli: Cli, address: str
) -> None:
    """Does `docker login`, `push` and `pull` work with the Hub as a registry at an address?"""
    # for the daemon in a guest, localhost is the guest
    host.require_one_kernel(engine)
    assert cli("login", "-u", "dave1", "--password-stdin", address, input="sesame").returncode == 0
    name = f"{address}/dave1/box:1"
    client.images.get("busybox").tag(name)
    pushed = cli("push", name)
    assert pushed.returncode == 0, pushed.stderr
    client.images.remove(name)
    pulled = cli("pull", name)
    assert pulled.returncode == 0, pulled.stderr
    client.images.remove(name)
    missing = cli("pull", f"{address}/dave1/none:1")
    assert "none:1 not found: manifest unknown: manifest unknown" in missing.stderr


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="this machine has no skopeo")
def test_skopeo_copies(address: str, tmp_path: Path) -> None:
    """Does skopeo copy an official image to an account, from there to a folder, and back?"""

    def skopeo(*words: str) -> str:
        done = subprocess.run(["skopeo", *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    hub, plain, proof = (
        f"docker://{address}",
        "--dest-tls-verify=false",
        "--dest-creds=dave1:sesame",
    )
    folder = f"oci:{tmp_path}/layout:box"
    from_hub = ("copy", "--src-tls-verify=false")
    skopeo(*from_hub, plain, proof, f"{hub}/library/busybox:latest", f"{hub}/dave1/copied:1")
    skopeo(*from_hub, f"{hub}/dave1/copied:1", folder)
    skopeo("copy", plain, proof, "--format", "v2s2", folder, f"{hub}/dave1/copied:2")
    tags = skopeo("list-tags", "--tls-verify=false", f"{hub}/dave1/copied")
    assert '"1"' in tags and '"2"' in tags
    skopeo("delete", "--tls-verify=false", "--creds=dave1:sesame", f"{hub}/dave1/copied:1")
    assert '"1"' not in skopeo("list-tags", "--tls-verify=false", f"{hub}/dave1/copied")


def test_without_a_hub(tmp_path: Path) -> None:
    """Is it said in one sentence that no Hub answers?"""
    done = subprocess.run(
        [sys.executable, "-m", "lab.cli", "hub", "serve", "--root", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "the lab's Hub does not answer" in done.stderr and "Traceback" not in done.stderr
