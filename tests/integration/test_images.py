"""Images through docker-py and the CLI: listed, inspected, named, imported, removed."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator

import docker
import pytest
from docker.errors import APIError, ImageNotFound

from .images_of import build, cleaned, ids

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def clean(client: docker.DockerClient) -> Iterator[None]:
    with cleaned(client):
        yield


def test_inspect_tells_what_docker_py_reads(client: docker.DockerClient) -> None:
    """Are names, settings, layers and sizes where docker-py finds them?"""
    image = client.images.get("nginx")
    assert image.tags == ["nginx:latest"]
    assert image.attrs["RepoDigests"][0].startswith("nginx@sha256:")
    assert image.attrs["Config"]["ExposedPorts"] == {"80/tcp": {}}
    assert image.attrs["Config"]["Cmd"][0] == "nginx"
    assert image.attrs["RootFS"]["Type"] == "layers"
    assert len(image.attrs["RootFS"]["Layers"]) > 1
    assert image.attrs["Size"] > client.images.get("debian").attrs["Size"]
    assert image.attrs["Architecture"] in ("amd64", "arm64")
    sizes = [row["Size"] for row in image.history()]
    assert sum(sizes) == image.attrs["Size"]


def test_the_cli_lists_names_and_sizes(cli: Cli) -> None:
    """Does `docker images` show name, tag, id and size in its columns?"""
    lines = cli("images", "busybox").stdout.splitlines()
    assert lines[0].split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert lines[1].split()[:2] == ["busybox", "latest"]
    assert cli("images", "-q", "--no-trunc", "busybox").stdout.startswith("sha256:")
    assert cli("images", "--digests", "busybox").stdout.count("sha256:") == 1
    assert cli("image", "ls", "--filter", "reference=bus*").stdout.count("\n") == 2


def test_names_are_given_and_taken(client: docker.DockerClient, cli: Cli) -> None:
    """Does a tag name the same image, and `rmi` take only the name?"""
    assert cli("tag", "busybox", "team/box:1").returncode == 0
    image = client.images.get("team/box:1")
    assert set(image.tags) == {"busybox:latest", "team/box:1"}
    assert cli("rmi", "team/box:1").stdout == "Untagged: team/box:1\n"
    assert client.images.get("busybox").id == image.id
    done = cli("rmi", "team/box:1")
    assert done.returncode == 1
    assert "No such image: team/box:1" in done.stderr


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("nosuch", "x", "No such image: nosuch:latest"),
        ("busybox", "Upper", "must be lowercase"),
        ("busybox", "x:-", "invalid"),
    ],
)
def test_bad_names_are_refused(cli: Cli, source: str, target: str, message: str) -> None:
    """Is the refusal Docker's?"""
    done = cli("tag", source, target)
    assert done.returncode == 1
    assert message in done.stderr


def test_an_image_in_use_is_not_removed(client: docker.DockerClient, cli: Cli) -> None:
    """Are the conflicts told in Docker's words, and does force do what it may?"""
    image, _ = build(client, "FROM busybox\nLABEL used=yes\n", tag="used")
    container = client.containers.run("used", "sleep 1000", detach=True)
    short = image.short_id.removeprefix("sha256:")
    with pytest.raises(APIError) as caught:
        client.images.remove("used")
    assert caught.value.status_code == 409
    assert caught.value.explanation == (
        f'conflict: unable to remove repository reference "used" (must force) - container '
        f"{container.id[:12]} is using its referenced image {image.id[7:19]}"
    )
    done = cli("rmi", "-f", short)
    assert "(cannot be forced) - image is being used by running container" in done.stderr
    container.kill()
    assert "(must be forced) - image is being used by stopped container" in cli("rmi", short).stderr
    assert f"Deleted: {image.id}" in cli("rmi", "-f", short).stdout
    # the container still has its file system
    container.start()
    assert container.exec_run("ls /bin/busybox").exit_code == 0
    container.remove(force=True)
    with pytest.raises(ImageNotFound):
        client.images.get("used")


def test_removing_an_image_frees_its_layers(client: docker.DockerClient, cli: Cli) -> None:
    """Are an image's own layers told as deleted, and the base kept?"""
    before = ids(client)
    image, _ = build(
        client, "FROM busybox\nCOPY a /a\nCOPY b /b\n", {"a": "a", "b": "b"}, tag="own"
    )
    lines = cli("rmi", "own").stdout.splitlines()
    assert lines[0] == "Untagged: own:latest"
    assert lines[1] == f"Deleted: {image.id}"
    assert [line.split(":")[0] for line in lines] == ["Untagged"] + ["Deleted"] * 4
    assert ids(client) == before


def test_prune_takes_what_lost_its_name(client: docker.DockerClient, cli: Cli) -> None:
    """Does an image whose tag has moved on become dangling, and prune remove it?"""
    old, _ = build(client, "FROM busybox\nCOPY a /a\n", {"a": "12345"}, tag="moving")
    new, _ = build(client, "FROM busybox\nCOPY a /a\n", {"a": "changed"}, tag="moving")
    assert cli("images", "-q", "--no-trunc", "-f", "dangling=true").stdout == f"{old.id}\n"
    done = cli("image", "prune", "-f")
    assert f"deleted: {old.id}" in done.stdout
    assert "Total reclaimed space: 5B" in done.stdout
    assert client.images.get("moving").id == new.id


def test_an_archive_is_imported(client: docker.DockerClient) -> None:
    """Does `docker import` make an image that runs, with the settings that were given?"""
    export = client.containers.create("busybox").export()
    answer = client.api.import_image_from_stream(export, repository="imported", tag="1")
    assert '"status":"sha256:' in answer
    assert client.containers.run("imported:1", "echo works", remove=True) == b"works\n"
    answer = client.api.import_image_from_data(
        _tar(), repository="imported", tag="2", changes=["ENV A=b", 'CMD ["/x"]']
    )
    assert client.images.get("imported:2").attrs["Config"]["Env"] == ["A=b"]
    assert client.images.get("imported:2").attrs["Comment"] == "Imported from -"


def test_a_bad_archive_is_refused(client: docker.DockerClient) -> None:
    """Is a malformed archive an error with Docker's status, and nothing left of it?"""
    before = ids(client)
    for data, message in (
        (b"x" * 2000, "tar header"),
        (_tar()[:700], "unexpected EOF"),
        (_tar("../../outside"), "outside"),
    ):
        with pytest.raises(APIError, match=message) as caught:
            client.api.import_image_from_data(data)
        assert caught.value.status_code == 400
    assert ids(client) == before


def test_search_shows_official_images(cli: Cli) -> None:
    """Does `docker search` find the Hub's repositories, and say what they are?"""
    lines = cli("search", "--no-trunc", "ngin").stdout.splitlines()
    assert re.fullmatch(r"nginx +Debian's nginx .+ 0 +\[OK\]", lines[1].strip())


def _tar(name: str = "x") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = 400
        tar.addfile(member, io.BytesIO(b"x" * 400))
    return buffer.getvalue()
