"""Catalog layers that are unpacked already, on a disk that is only read: as in the microVM."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, ImageNotFound

from lab.kernel import trees
from lab.sandbox import reset
from lab.sandbox.process import EngineProcess
from tests.conftest import docker_cli

from . import inside
from .images_of import build, make_account

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="a disk with the containers' ids needs root to be made"
)

Start = Callable[..., AbstractContextManager[EngineProcess]]


@pytest.fixture(scope="module")
def disk(catalog: Path, short_tmp: Path) -> Iterator[Path]:
    folder = short_tmp / "disk"
    folder.mkdir()
    inside.unpack_catalog(catalog, folder)
    yield folder
    with trees.opened(short_tmp) as parent:
        trees.remove(parent, b"disk")


@pytest.fixture
def start(catalog: Path, short_tmp: Path, disk: Path) -> Iterator[Start]:
    """Start an engine of the test's own, again and again; `layers` None: without the disk."""
    root = short_tmp / "ready"

    def begin(layers: Path | None = disk) -> AbstractContextManager[EngineProcess]:
        members = {"layers": str(layers or "")}
        return inside.running(root, short_tmp / "ready.sock", catalog, layers or disk, members)

    yield begin
    reset.remove(root)


def client_of(engine: EngineProcess) -> docker.DockerClient:
    return docker.DockerClient(base_url=engine.host)


def disk_use(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def test_images_that_are_ready(start: Start, short_tmp: Path, disk: Path, tmp_path: Path) -> None:
    """Pulled, run, built upon, looked into, pushed, removed, pulled: is all as with any image?"""
    before = disk_use(disk)
    with start() as engine:
        said = docker_cli(engine, tmp_path, "pull", "nginx").stdout
        assert said.count("Pull complete") == said.count("Pulling fs layer") > 1
        assert "Status: Downloaded newer image for nginx:latest" in said
        # two small files for manifest and configuration, and no layer
        assert disk_use(short_tmp / "ready" / "content") < 50_000
        said = docker_cli(engine, tmp_path, "run", "--rm", "nginx", "nginx", "-v").stderr
        assert "nginx version" in said
        script = "rm /etc/nginx/nginx.conf; echo x > /etc/made; stat -c %U:%G /etc /var/log/nginx"
        client = client_of(engine)
        container = client.containers.run("nginx", ["sh", "-c", script], detach=True)
        assert container.wait()["StatusCode"] == 0
        assert container.logs() == b"root:root\nroot:adm\n"
        changed = {(change["Path"], change["Kind"]) for change in container.diff()}
        assert {("/etc/nginx/nginx.conf", 2), ("/etc/made", 1)} <= changed
        container.remove()
        _built_and_pushed(engine, client)
        client.images.remove("nginx")
        with pytest.raises(ImageNotFound):
            client.images.get("nginx")
        client.images.pull("nginx", "latest")
        assert client.containers.run("nginx", "ls /etc/nginx/nginx.conf", remove=True)
        client.close()
    assert disk_use(disk) == before


def _built_and_pushed(engine: EngineProcess, client: docker.DockerClient) -> None:
    image, _ = build(
        client, "FROM debian\nRUN rm /etc/debian_version && echo own > /own\nCMD cat /own"
    )
    account = make_account(engine, "alice")
    image.tag("alice/app", "latest")
    lines = list(client.images.push("alice/app", auth_config=account, stream=True, decode=True))
    assert not [line for line in lines if "error" in line]
    assert [line for line in lines if "Mounted from library/debian" in line.get("status", "")]
    client.images.remove(image.id, force=True)
    client.images.remove("debian")
    client.images.pull("alice/app", "latest", auth_config=account)
    assert client.containers.run("alice/app", remove=True) == b"own\n"
    sizes = [row["Size"] for row in client.images.get("alice/app").history()]
    assert client.images.get("alice/app").attrs["Size"] == sum(sizes) > 50_000_000
    client.images.remove("alice/app")


def test_the_next_start(start: Start, disk: Path, short_tmp: Path) -> None:
    """Do images and containers go on after a restart, with the disk at another place, without it?"""
    with start() as engine:
        client = client_of(engine)
        client.containers.run("busybox", ["touch", "/made"], name="kept")
        client.close()
    moved = short_tmp / "moved"
    disk.rename(moved)
    try:
        with start(moved) as engine:
            client = client_of(engine)
            kept = client.containers.get("kept")
            kept.start()
            assert kept.wait()["StatusCode"] == 0
            assert "/made" in [change["Path"] for change in kept.diff()]
            client.close()
    finally:
        moved.rename(disk)
    hidden = short_tmp / "hidden"
    disk.rename(hidden)
    try:
        disk.mkdir()
        with start(None) as engine:
            _without_the_disk(client_of(engine))
    finally:
        shutil.rmtree(disk)
        hidden.rename(disk)


def _without_the_disk(client: docker.DockerClient) -> None:
    kept = client.containers.get("kept")
    with pytest.raises(APIError, match="is missing: it lay on a disk that is not here any more"):
        kept.start()
    with pytest.raises(ImageNotFound, match="layers of it are missing"):
        client.containers.create("busybox", "true")
    # as the CLI does: pulled because it is not there, and run
    assert client.containers.run("busybox", "echo again", remove=True) == b"again\n"
    kept.start()
    assert kept.wait()["StatusCode"] == 0
    kept.remove()
    client.images.remove("busybox")
    client.close()


def test_folders_of_a_host_that_is_elsewhere(catalog: Path, short_tmp: Path, disk: Path) -> None:
    """Does a bind show the folder below the one that stands for the host's root, and no other?"""
    host = short_tmp / "host"
    (host / "home").mkdir(parents=True)
    (host / "home" / "page").write_text("the host's")
    (host / "link").symlink_to("/home")
    for folder in (host, host / "home"):
        folder.chmod(0o777)
    root = short_tmp / "elsewhere"
    members = {"layers": str(disk), "bind_root": str(host), "idmapped": False}
    with inside.running(root, short_tmp / "e.sock", catalog, disk, members) as engine:
        client = client_of(engine)
        client.images.pull("busybox", "latest")
        for source in ("/home", "/link"):
            script = "cat /data/page; touch /data/made"
            said = client.containers.run(
                "busybox", ["sh", "-c", script], volumes=[f"{source}:/data"]
            )
            assert said == b"the host's"
            (host / "home" / "made").unlink()
        container = client.containers.create("busybox", "true", volumes=["/new/deep:/data"])
        assert (host / "new" / "deep").is_dir()
        [bind] = container.attrs["Mounts"]
        assert bind["Source"] == "/new/deep"
        with pytest.raises(APIError, match="holds the engine's own state"):
            client.containers.create("busybox", volumes=[f"{root}/content:/x"])
        client.close()
    reset.remove(root)
