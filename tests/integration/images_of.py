"""What the tests of images share: an account of the Hub, images cleaned up, raw requests."""

from __future__ import annotations

import http.client
import io
import json
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker

from lab.sandbox.process import EngineProcess

PASSWORD = "open sesame"


class Connection(http.client.HTTPConnection):
    """HTTP over the engine's unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


def make_account(engine: EngineProcess, name: str) -> dict[str, str]:
    """Make an account of the Hub; return docker-py's auth_config for it."""
    connection = Connection(str(engine.socket))
    try:
        body = json.dumps({"name": name, "password": PASSWORD})
        connection.request("POST", "/lab/v1/accounts", body, {"Content-Type": "application/json"})
        assert connection.getresponse().status in (200, 201)
    finally:
        connection.close()
    return {"username": name, "password": PASSWORD}


def write_passwords(client: docker.DockerClient, folder: Path, name: str, password: str) -> Path:
    """Make a folder with a private registry's password file, as its documentation says."""
    client.images.pull("registry", "2")
    command = ["-Bbn", name, password]
    maker = client.containers.run("registry:2", command, entrypoint="htpasswd", detach=True)
    assert maker.wait()["StatusCode"] == 0
    folder.mkdir()
    (folder / "htpasswd").write_bytes(maker.logs(stderr=False))
    # the image has a volume, which `remove=True` would leave
    maker.remove(v=True)
    return folder


def write_certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """Make a server's certificate for an IP address, signed by itself, and its key."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ("-subj", "/CN=lab", "-addext", f"subjectAltName=IP:{address}")
    files = folder / "server.crt", folder / "server.key"
    words = [*command.split(), *names, "-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run(words, check=True, capture_output=True)
    return files


@contextmanager
def cleaned(client: docker.DockerClient) -> Iterator[None]:
    """Remove the images that appear in the block."""
    before = ids(client)
    try:
        yield
    finally:
        for container in client.containers.list(all=True):
            if container.attrs["Image"] not in before:
                container.remove(force=True)
        while new := [each for each in client.images.list(all=True) if each.id not in before]:
            for image in new:
                try:
                    client.images.remove(image.id, force=True, noprune=True)
                except docker.errors.APIError:
                    continue  # it has children, which come first


def ids(client: docker.DockerClient) -> set[str]:
    """The ids of all images."""
    return {str(image.id) for image in client.images.list(all=True)}


def context(**files: str | bytes) -> io.BytesIO:
    """A build context; `Dockerfile` is one of the files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            content = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def build(client: docker.DockerClient, dockerfile: str, files: Any = None, **options: Any) -> Any:
    """Build with docker-py; return the image, and what was printed."""
    image, lines = client.images.build(
        fileobj=context(Dockerfile=dockerfile, **(files or {})),
        custom_context=True,
        rm=True,
        **options,
    )
    return image, "".join(line.get("stream", "") for line in lines)
