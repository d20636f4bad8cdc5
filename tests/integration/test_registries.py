"""Tests with Debian's docker-registry as a program beside the lab: a password, TLS, other clients."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from tests.conftest import free_port, until

from .images_of import build, cleaned, write_certificate, write_passwords

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
_SECRET = "opensesame"
_CONFIGURATION = """
version: 0.1
log: {{level: info}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
auth: {{htpasswd: {{realm: course, path: {folder}/auth/htpasswd}}}}
http:
  addr: 127.0.0.1:{port}
  {tls}
"""


@dataclass(frozen=True)
class Beside:
    """A registry that runs, with a password; `certificate` if it has one; `log` is what it says."""

    address: str
    certificate: Path | None
    log: Path


def program(client: docker.DockerClient, folder: Path) -> Path:
    """Take the program out of the catalog's image: Debian's package would start a service."""
    container = client.containers.create("registry:2")
    pieces, _ = container.get_archive("/usr/bin/docker-registry")
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
        # Debian's Python 3.11 has no filters yet
        archive.extractall(folder, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))
    container.remove()
    return folder / "docker-registry"


@contextmanager
def running(folder: Path, tls: tuple[Path, Path] | None) -> Iterator[Beside]:
    port = free_port()
    wanted = f"tls: {{certificate: {tls[0]}, key: {tls[1]}}}" if tls else ""
    configuration, log = folder / "registry.yml", folder / "registry.log"
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, tls=wanted))
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [str(folder / "docker-registry"), "serve", str(configuration)], stdout=said, stderr=said
        ) as process,
    ):
        try:
            until(lambda: b"listening on" in log.read_bytes(), what="the registry listens")
            yield Beside(f"127.0.0.1:{port}", tls[0] if tls else None, log)
        finally:
            process.terminate()


@pytest.fixture(params=["plain", "with TLS"])
def beside(
    request: pytest.FixtureRequest, client: docker.DockerClient, tmp_path: Path
) -> Iterator[Beside]:
    write_passwords(client, tmp_path / "auth", "alice", _SECRET)
    program(client, tmp_path)
    tls = write_certificate(tmp_path, "127.0.0.1") if request.param == "with TLS" else None
    with running(tmp_path, tls) as registry, cleaned(client):
        yield registry


def test_push_and_pull(
    client: docker.DockerClient, cli: Cli, beside: Beside, tmp_path: Path
) -> None:
    """Is an image pushed with a password, shared between repositories, and pulled again?"""
    name = f"{beside.address}/team/app:1"
    image, _ = build(client, "FROM busybox\nCOPY a /a\n", {"a": "hello"}, tag=name)
    refused = cli("push", name)
    assert refused.returncode == 1 and "no basic auth credentials" in refused.stderr
    login = cli("login", "-u", "alice", "--password-stdin", beside.address, input=_SECRET)
    assert "Login Succeeded" in login.stdout
    assert cli("push", name).returncode == 0
    other = f"{beside.address}/team/other:1"
    client.images.get(name).tag(other)
    mounted = cli("push", other)
    assert "Mounted from team/app" in mounted.stdout
    for each in (name, other):
        client.images.remove(each)
    pulled = cli("pull", name)
    assert f"Status: Downloaded newer image for {name}" in pulled.stdout
    assert client.images.get(name).id == image.id
    # the same requests as Docker's, as the registry's own log shows them
    log = beside.log.read_text()
    for line in ('"POST /v2/team/app/blobs/uploads/', '"PATCH /v2/team/app/blobs/uploads/'):
        assert line in log
    if shutil.which("skopeo"):
        _skopeo_copies(name, beside, tmp_path)


def _skopeo_copies(name: str, beside: Beside, folder: Path) -> None:
    """Copy what the lab pushed to a folder, which proves each of its parts."""
    trust = ["--src-tls-verify=false"]
    if beside.certificate is not None:
        (folder / "certs").mkdir()
        shutil.copy(beside.certificate, folder / "certs" / "ca.crt")
        trust = [f"--src-cert-dir={folder}/certs"]
    words = ["--src-creds", f"alice:{_SECRET}", f"docker://{name}", f"oci:{folder}/out:1"]
    done = subprocess.run(["skopeo", "copy", *trust, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_not_there(cli: Cli, beside: Beside) -> None:
    """Are a wrong password and an unknown image told in Docker's words?"""
    wrong = cli("login", "-u", "alice", "--password-stdin", beside.address, input="wrong")
    assert wrong.returncode == 1 and "unauthorized: authentication required" in wrong.stderr
    assert (
        cli("login", "-u", "alice", "--password-stdin", beside.address, input=_SECRET).returncode
        == 0
    )
    name = f"{beside.address}/team/none:1"
    missing = cli("pull", name)
    assert f"manifest for {name} not found: manifest unknown: manifest unknown" in missing.stderr
    assert cli("logout", beside.address).returncode == 0
    after = cli("pull", name)
    assert 'Head "http' in after.stderr and "no basic auth credentials" in after.stderr
