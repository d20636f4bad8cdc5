"""Images as archives: docker save and docker load, through the CLI and docker-py."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from .images_of import build, cleaned

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
TEXT = "FROM busybox\nRUN echo a > /a\nENV x=1\nCMD cat /a\n"


@pytest.fixture(autouse=True)
def clean(client: docker.DockerClient) -> Iterator[None]:
    with cleaned(client):
        yield


def test_what_was_saved_is_loaded_again(
    cli: Cli, client: docker.DockerClient, tmp_path: Path
) -> None:
    """Are image, names and layers the same again, and is what happens told as by Docker?"""
    image, _ = build(client, TEXT, tag="mine:1")
    image.tag("mine", "2")
    assert cli("save", "-o", "mine.tar", "mine", "busybox:latest").returncode == 0
    client.images.remove("mine:1")
    client.images.remove("mine:2")
    loaded = cli("load", "-i", "mine.tar")
    lines = loaded.stdout.splitlines()
    assert sorted(lines[:2]) == ["Loaded image: mine:1", "Loaded image: mine:2"]
    assert lines[2] == "Loaded image: busybox:latest"
    again = client.images.get("mine:2")
    assert again.id == image.id
    assert again.attrs["RootFS"] == image.attrs["RootFS"]
    assert client.containers.run("mine:1", remove=True) == b"a\n"


def test_archive_is_what_other_tools_read(
    cli: Cli, client: docker.DockerClient, tmp_path: Path
) -> None:
    """Does it hold layers that are not compressed, manifest.json, and an OCI layout?"""
    image, _ = build(client, TEXT, tag="mine")
    with (tmp_path / "by-id.tar").open("wb") as file:
        file.writelines(client.images.get("mine").save())
    with tarfile.open(tmp_path / "by-id.tar") as archive:
        (row,) = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
        assert row["RepoTags"] is None
        assert row["Config"] == f"blobs/sha256/{image.id.removeprefix('sha256:')}"
        layer = archive.extractfile(row["Layers"][-1])
        assert layer is not None
        with tarfile.open(fileobj=layer, mode="r:") as inside:
            assert inside.getnames() == ["a"]
        index = json.load(archive.extractfile("index.json"))  # type: ignore[arg-type]
        assert len(index["manifests"]) == 1
    client.images.remove("mine", force=True)
    loaded = cli("load", "-i", "by-id.tar")
    assert loaded.stdout == f"Loaded image ID: {image.id}\n"


def test_name_in_use_goes_to_the_loaded_image(
    cli: Cli, client: docker.DockerClient, tmp_path: Path
) -> None:
    """Does the image that had the name lose it, and is that told?"""
    build(client, TEXT, tag="mine")
    assert cli("save", "-o", "mine.tar", "mine").returncode == 0
    other, _ = build(client, "FROM busybox\nENV other=1\n", tag="mine")
    loaded = cli("load", "-i", "mine.tar")
    assert loaded.stdout.splitlines()[0] == (
        f"The image mine:latest already exists, renaming the old one with ID {other.id} to empty"
        " string"
    )
    assert client.images.get(other.id).tags == []


def test_archives_that_are_none(cli: Cli, client: docker.DockerClient, tmp_path: Path) -> None:
    """Are other archives, cut ones and lies refused, and unknown names when saving?"""
    build(client, TEXT, tag="mine")
    assert cli("save", "-o", "mine.tar", "mine").returncode == 0
    whole = (tmp_path / "mine.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other.tar").write_bytes(_other())
    client.images.remove("mine", force=True)
    assert "unexpected EOF" in cli("load", "-i", "cut.tar").stderr
    assert "does not contain a manifest.json" in cli("load", "-i", "other.tar").stderr
    (tmp_path / "lie.tar").write_bytes(
        whole.replace(b"\x00a\n", b"\x00b\n").replace(b"a\n\0", b"b\n\0")
    )
    assert "invalid diffID for layer 1" in cli("load", "-i", "lie.tar").stderr
    missing = cli("save", "-o", "no.tar", "nosuch")
    assert missing.returncode == 1 and "No such image: nosuch:latest" in missing.stderr
    assert not [image for image in client.images.list() if "mine:latest" in image.tags]


def test_all_tags_of_a_repository_are_pulled(cli: Cli, client: docker.DockerClient) -> None:
    """Does `pull --all-tags` bring every tag, and one status at the end?"""
    pulled = cli("pull", "--all-tags", "debian")
    assert pulled.stdout.count("Pulling from library/debian") >= 2
    assert pulled.stdout.splitlines()[-2].endswith(" for debian")
    assert "debian:bookworm" in client.images.get("debian:latest").tags
    for tag in client.images.get("debian:latest").tags:
        if tag != "debian:latest":
            client.images.remove(tag)
    missing = cli("pull", "-a", "nosuch")
    assert missing.returncode == 1 and "nosuch" in missing.stderr


def test_a_node_without_a_swarm_says_so(cli: Cli) -> None:
    """Do commands about swarms and plugins answer as on a node that has none?"""
    for words in (("node", "ls"), ("service", "ls"), ("secret", "rm", "x"), ("swarm", "ca")):
        answer = cli(*words)
        assert answer.returncode == 1 and "This node is not a swarm manager." in answer.stderr
    assert "This node is not part of a swarm" in cli("swarm", "leave").stderr
    assert "does not have swarm mode" in cli("swarm", "init").stderr
    assert cli("plugin", "ls", "-q").stdout == ""
    assert 'plugin "x" not found' in cli("plugin", "rm", "x").stderr


def _other() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("file"))
    return buffer.getvalue()
