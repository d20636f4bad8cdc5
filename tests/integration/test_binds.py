"""Folders of the learner's in containers: seen, written, and what may not be shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import docker
import pytest
from docker.errors import APIError

from lab.sandbox.process import EngineProcess
from tests.integration import host


def run(client: docker.DockerClient, script: str, *binds: str) -> str:
    output = client.containers.run(
        "busybox", ["sh", "-c", script], remove=True, volumes=list(binds), stderr=True
    )
    return output.decode()


def test_a_bound_folder_is_read_and_written(client: docker.DockerClient, tmp_path: Path) -> None:
    """Does the container see the files, and do its own arrive with the learner's ownership?"""
    (tmp_path / "page").write_text("hello")
    assert run(client, "cat /data/page; echo new > /data/made", f"{tmp_path}:/data") == "hello"
    made = tmp_path / "made"
    assert made.read_text() == "new\n"
    assert made.stat().st_uid == os.getuid()


def test_read_only(client: docker.DockerClient, tmp_path: Path) -> None:
    """Is a folder bound with :ro safe from the container?"""
    (tmp_path / "page").write_text("hello")
    said = run(client, "echo x > /data/page || echo refused", f"{tmp_path}:/data:ro")
    assert "refused" in said
    assert (tmp_path / "page").read_text() == "hello"


def test_a_missing_source_is_made(client: docker.DockerClient, tmp_path: Path) -> None:
    """Is a folder that is not there made, as Docker does for -v?"""
    run(client, "touch /data/x", f"{tmp_path}/not/yet:/data")
    assert (tmp_path / "not" / "yet" / "x").exists()


def test_a_single_file(client: docker.DockerClient, tmp_path: Path) -> None:
    """Can one file be bound over one of the image's?"""
    (tmp_path / "motd").write_text("from outside")
    assert run(client, "cat /etc/motd", f"{tmp_path}/motd:/etc/motd") == "from outside"


def test_places_are_made_in_a_bound_folder(client: docker.DockerClient, tmp_path: Path) -> None:
    """Can something lie in a bound folder that has no place for it yet, as with Docker?"""
    (tmp_path / "etc").mkdir()
    (tmp_path / "data").mkdir()
    script = "head -c 9 /etc/hosts; echo; touch /data/new/folder/x; ls /data/new"
    places = (f"{tmp_path}/etc:/etc", f"{tmp_path}/data:/data", "inner:/data/new/folder")
    assert run(client, script, *places).split() == ["127.0.0.1", "folder"]
    assert sorted(os.listdir(tmp_path / "etc")) == ["hostname", "hosts", "resolv.conf"]
    made = tmp_path / "data" / "new" / "folder"
    assert (made.stat().st_uid, os.listdir(made)) == (os.getuid(), [])
    client.volumes.get("inner").remove()


def test_links_in_the_image_do_not_lead_out(client: docker.DockerClient, tmp_path: Path) -> None:
    """Does a bind onto a link of the container's stay inside of it?"""
    container = client.containers.create("busybox", "true", volumes=[f"{tmp_path}:/link/deep"])
    victim = tmp_path.parent / "victim"
    container.remove()
    script = f"ln -s {victim} /link; ls -ld /link"
    first = client.containers.run("busybox", ["sh", "-c", script], detach=True)
    first.wait()
    assert not victim.exists()


def test_the_engines_state_cannot_be_bound(
    client: docker.DockerClient, engine: EngineProcess
) -> None:
    """Is the engine's own folder refused, and empty where a folder above it is bound?"""
    root = engine.socket.with_suffix("")
    with pytest.raises(APIError, match="holds the engine's own state"):
        client.containers.run("busybox", "true", volumes=[f"{root}/content:/x"])
    said = run(client, f"ls -A /x/{root.name} 2>/dev/null | wc -l; ls /x", f"{root.parent}:/x")
    assert said.split()[0] == "0"
    assert root.name in said


def test_magic_links_are_not_followed(client: docker.DockerClient, engine: EngineProcess) -> None:
    """Can no bind go by way of the links in /proc, through which everything can be reached?"""
    root = engine.socket.with_suffix("")
    with pytest.raises(APIError, match="holds the engine's own state"):
        client.containers.create("busybox", volumes=[f"/proc/self/root{root}/content:/x"])
    # a guest sees them as ordinary links, which lead no further than the host's files
    host.require_one_kernel(engine)
    container = client.containers.create("busybox", "ls /x", volumes=["/proc/self/root/etc:/x"])
    with pytest.raises(APIError, match="openat2"):
        container.start()


def test_wrong_specifications(cli: Callable[..., object], client: docker.DockerClient) -> None:
    """Are impossible binds refused in Docker's words?"""
    cases = {
        "/a:b": "must be absolute",
        "/a:/": "destination can't be '/'",
        "/a:/b:what": "invalid mode",
    }
    for bind, message in cases.items():
        with pytest.raises(APIError, match=message) as raised:
            client.api.create_container(
                "busybox", "true", host_config={"Binds": [bind], "NetworkMode": "none"}
            )
        assert raised.value.status_code == 400
