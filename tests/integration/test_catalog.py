"""Tests of the official images that are servers and languages: do they do what they are for?"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from tests.conftest import until

from .images_of import write_passwords

Cli = Callable[..., subprocess.CompletedProcess[str]]

SECRET = "opensesame"


@pytest.fixture
def passwords(client: docker.DockerClient, tmp_path: Path) -> Path:
    """A folder with a password file, made as the registry's documentation says."""
    return write_passwords(client, tmp_path / "auth", "alice", SECRET)


@pytest.fixture
def private(client: docker.DockerClient, passwords: Path) -> Iterator[str]:
    """A private registry that asks for a password, as a container; its address."""
    container = client.containers.run(
        "registry:2",
        detach=True,
        ports={"5000/tcp": ("127.0.0.1", None)},
        volumes={str(passwords): {"bind": "/auth", "mode": "ro"}},
        environment={
            "REGISTRY_AUTH": "htpasswd",
            "REGISTRY_AUTH_HTPASSWD_REALM": "The course",
            "REGISTRY_AUTH_HTPASSWD_PATH": "/auth/htpasswd",
        },
    )
    until(lambda: b"listening on" in container.logs(), what="the registry listens")
    container.reload()
    address = f"localhost:{container.ports['5000/tcp'][0]['HostPort']}"
    yield address
    for tag in [tag for image in client.images.list() for tag in image.tags if address in tag]:
        client.images.remove(tag)


def test_private_registry(client: docker.DockerClient, cli: Cli, private: str) -> None:
    """Does a registry with a password take and give an image after a login, and not before?"""
    name = f"{private}/team/box"
    client.images.get("busybox").tag(name)
    refused = cli("push", name)
    assert refused.returncode == 1 and "no basic auth credentials" in refused.stderr
    wrong = cli("login", "-u", "alice", "--password-stdin", private, input="wrong")
    assert wrong.returncode == 1
    assert f'Get "http://{private}/v2/": unauthorized: authentication required' in wrong.stderr
    right = cli("login", "-u", "alice", "--password-stdin", private, input=SECRET)
    assert "Login Succeeded" in right.stdout
    pushed = cli("push", name)
    assert pushed.returncode == 0, pushed.stderr
    digest = pushed.stdout.rpartition("digest: ")[2].split()[0]
    client.images.remove(name)
    pulled = cli("pull", f"{name}@{digest}")
    assert f"Digest: {digest}" in pulled.stdout
    assert cli("rmi", f"{name}@{digest}").returncode == 0
    assert cli("logout", private).returncode == 0
    again = cli("pull", name)
    assert again.returncode == 1
    assert again.stderr.strip() == (
        f'Error response from daemon: Head "http://{private}/v2/team/box/manifests/latest":'
        " no basic auth credentials"
    )


@pytest.fixture
def redis(client: docker.DockerClient) -> Container:
    client.images.pull("redis", "7")
    container = client.containers.run("redis:7", ["--appendonly", "yes"], detach=True)
    until(lambda: b"Ready to accept connections" in container.logs(), what="redis is ready")
    return container


def test_redis(redis: Container) -> None:
    """Is redis its own user, keeps its data in /data, and answers other machines?"""
    redis.reload()
    (mount,) = redis.attrs["Mounts"]
    assert (mount["Type"], mount["Destination"]) == ("volume", "/data")
    assert redis.exec_run("redis-cli set course docker").output == b"OK\n"
    assert redis.exec_run("stat -c %U:%u /proc/1").output == b"redis:999\n"
    assert redis.exec_run("stat -c %U:%g /data/appendonlydir").output == b"redis:999\n"
    address = redis.exec_run("hostname -i").output.decode().strip()
    assert redis.exec_run(f"redis-cli -h {address} get course").output == b"docker\n"


def test_python(client: docker.DockerClient) -> None:
    """Is there the Python that the tag says, with pip and venv?"""
    client.images.pull("python", "3.11-slim")
    script = (
        "import os, sys, ssl, sqlite3, venv;"
        "assert os.environ['PYTHON_VERSION'] == '.'.join(map(str, sys.version_info[:3]));"
        "print(sys.version_info[:2], os.environ['LANG'])"
    )
    said = client.containers.run("python:3.11-slim", ["python", "-c", script], remove=True)
    assert said == b"(3, 11) C.UTF-8\n"
    tried = ["sh", "-c", "pip --version && ! pip install --no-index nothing-of-this-name 2>&1"]
    said = client.containers.run("python:3.11-slim", tried, remove=True)
    assert said.startswith(b"pip ") and b"externally-managed" not in said
    assert b"No matching distribution found" in said
