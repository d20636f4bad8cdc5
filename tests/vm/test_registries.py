"""Tests of the microVM's engine with a registry of the host's, which only the host's files vouch for."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from lab.registry.endpoint import TRUSTED
from tests.integration import faulty_registry
from tests.integration.faulty_registry import Registry
from tests.integration.images_of import write_certificate

_HOST = "10.0.2.2"
"""What QEMU's network shows of the host."""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry with TLS; `server.crt` in the test's folder vouches for it."""
    certificate, key = write_certificate(tmp_path, _HOST)
    with faulty_registry.registry() as running:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        running.socket = context.wrap_socket(running.socket, server_side=True)
        yield running


@pytest.fixture
def trusted(registry: Registry) -> Iterator[Path]:
    """The host's folder for the registry's certificates."""
    folder = TRUSTED / f"{_HOST}:{registry.server_port}"
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True)
    except PermissionError:
        pytest.skip(f"only root may write to {TRUSTED}")
    yield folder
    for path in folder.iterdir():
        path.unlink()
    for each in made:
        each.rmdir()


def test_certificates_of_the_host_count(
    client: docker.DockerClient, registry: Registry, trusted: Path, tmp_path: Path
) -> None:
    """Is a registry refused until its certificate lies in the host's certs.d, and then pushed to?"""
    name = f"{_HOST}:{registry.server_port}/team/box"
    client.images.get("busybox").tag(name)
    try:
        refused = client.images.push(name)
        assert "x509: certificate signed by unknown authority" in refused
        shutil.copy(tmp_path / "server.crt", trusted / "ca.crt")
        assert "digest: sha256:" in client.images.push(name)
    finally:
        client.images.remove(name)
    assert "team/box:latest" in registry.manifests
