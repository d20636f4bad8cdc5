"""The extension /lab/v1/: layers of images, files of layers, what containers write."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from lab.sandbox.process import EngineProcess
from tests.integration.extension import Extension


@pytest.fixture
def extension(client: docker.DockerClient) -> Extension:
    return Extension(client)


@pytest.fixture
def sleeping(client: docker.DockerClient) -> Container:
    """A running container of debian."""
    return client.containers.run("debian", ["sleep", "1000"], detach=True)


def layers_of(extension: Extension, name: str) -> list[dict[str, Any]]:
    steps = extension.get(f"images/{name}/layers")["Layers"]
    return [step for step in steps if not step["Empty"]]


def test_layers_agree_with_docker(client: docker.DockerClient, extension: Extension) -> None:
    """Are the layers, sizes and settings those of `docker history` and `docker inspect`?"""
    told = extension.get("images/nginx/layers")
    image = client.images.get("nginx")
    history = list(reversed(image.history()))
    assert told["Id"] == image.id
    assert "nginx:latest" in told["Names"]
    assert [step["CreatedBy"] for step in told["Layers"]] == [e["CreatedBy"] for e in history]
    assert [step.get("Size", 0) for step in told["Layers"]] == [e["Size"] for e in history]
    assert [step["DiffId"] for step in layers_of(extension, "nginx")] == image.attrs["RootFS"][
        "Layers"
    ]
    assert [step["Number"] for step in layers_of(extension, "nginx")] == [1, 2, 3, 4]


def test_base_layer_is_shared(extension: Extension) -> None:
    """Is debian's layer nginx's lowest one, told by both, and nginx's own ones by none?"""
    (base,) = layers_of(extension, "debian")
    first, *others = layers_of(extension, "nginx")
    assert first["ChainId"] == base["ChainId"]
    assert "debian:latest" in first["SharedWith"]
    assert "nginx:latest" in base["SharedWith"]
    assert not any("debian:latest" in layer["SharedWith"] for layer in others)


def test_new_name_is_told_to_the_others(client: docker.DockerClient, extension: Extension) -> None:
    """Does a tag made meanwhile appear, for an image that is another one?"""
    client.images.get("nginx").tag("mine", "1")
    try:
        assert "mine:1" in extension.get("images/mine:1/layers")["Names"]
        assert "mine:1" in layers_of(extension, "debian")[0]["SharedWith"]
    finally:
        client.images.remove("mine:1")


def test_files_of_a_layer(extension: Extension) -> None:
    """Does nginx's layer add nginx, and change what debian had?"""
    chain = layers_of(extension, "nginx")[1]["ChainId"]
    found = extension.get(f"layers/{chain}/files?limit=5000")
    changes = {entry["Path"]: entry for entry in found["Entries"]}
    assert changes["/usr/sbin/nginx"]["Change"] == "added"
    assert changes["/usr/sbin/nginx"]["Kind"] == "file"
    assert changes["/usr/sbin/nginx"]["Size"] > 100_000
    assert changes["/usr/sbin/nginx"]["Mode"] == 0o755
    assert changes["/etc/passwd"]["Change"] == "changed"
    assert "/bin/sh" not in changes
    assert found["Total"] == len(found["Entries"])
    assert not found["Truncated"]


def test_files_below_a_folder_and_a_limit(extension: Extension) -> None:
    """Are folder and limit respected, and the rest counted?"""
    chain = layers_of(extension, "nginx")[1]["ChainId"]
    found = extension.get(f"layers/{chain}/files?path=/etc/nginx&limit=2")
    assert found["Entries"][0]["Path"] == "/etc/nginx"
    assert all(entry["Path"].startswith("/etc/nginx") for entry in found["Entries"])
    assert len(found["Entries"]) == 2 < found["Total"]
    assert found["Truncated"]


def test_layer_that_deletes(client: docker.DockerClient, extension: Extension) -> None:
    """Is a file that an image's own layer removed told as deleted?"""
    dockerfile = "FROM debian\nRUN rm /etc/issue && echo x > /etc/hostname-of-mine\n"
    image, _ = client.images.build(fileobj=io.BytesIO(dockerfile.encode()), rm=True)
    try:
        assert image.id is not None
        chain = layers_of(extension, image.id)[-1]["ChainId"]
        found = extension.get(f"layers/{chain}/files")["Entries"]
        told = {entry["Path"]: entry["Change"] for entry in found}
        assert told["/etc/issue"] == "deleted"
        assert told["/etc/hostname-of-mine"] == "added"
    finally:
        client.images.remove(image.id)


def test_what_a_container_wrote(extension: Extension, sleeping: Container) -> None:
    """Is it what `docker diff` says, with sizes, upon the image's topmost layer?"""
    sleeping.exec_run(["sh", "-c", "echo hello > /new; rm /etc/issue"])
    told = extension.get(f"containers/{sleeping.name}/changes")
    assert told["Id"] == sleeping.id
    assert told["ChainId"] == layers_of(extension, "debian")[-1]["ChainId"]
    assert [{"Path": c["Path"], "Kind": c["Kind"]} for c in told["Changes"]] == sleeping.diff()
    assert {"Path": "/new", "Kind": 1, "Size": 6} in told["Changes"]
    assert {"Path": "/etc/issue", "Kind": 2, "Size": 0} in told["Changes"]
    assert told["Size"] == 6


def test_untouched_container(client: docker.DockerClient, extension: Extension) -> None:
    """Has a container that did nothing changed nothing, and is Docker's answer then null?"""
    container = client.containers.create("debian", ["true"])
    told = extension.get(f"containers/{container.id}/changes")
    assert (told["Changes"], told["Size"], told["Truncated"]) == ([], 0, False)
    assert container.diff() is None


def test_many_changes_are_cut(extension: Extension, sleeping: Container) -> None:
    """Are a container's changes listed up to a limit, all in Docker's own list?"""
    sleeping.exec_run(["sh", "-c", "mkdir /many && cd /many && seq 3000 | xargs touch"])
    told = extension.get(f"containers/{sleeping.id}/changes")
    assert told["Truncated"]
    assert len(told["Changes"]) == 1000
    assert len(sleeping.diff()) == 3001


@pytest.fixture
def states(extension: Extension, sleeping: Container) -> Iterator[Iterator[dict[str, Any]]]:
    """The stream of a container's changes."""
    with extension.ask(f"containers/{sleeping.id}/changes/stream", stream=True) as answer:
        yield (json.loads(line) for line in answer.iter_lines())


def test_changes_are_streamed(states: Iterator[dict[str, Any]], sleeping: Container) -> None:
    """Is there the present state first, another for each change, and an end with the container?"""
    assert next(states)["Changes"] == []
    sleeping.exec_run(["touch", "/one"])
    assert [change["Path"] for change in next(states)["Changes"]] == ["/one"]
    sleeping.exec_run(["sh", "-c", "echo more > /one"])
    assert next(states)["Changes"] == [{"Path": "/one", "Kind": 1, "Size": 5}]
    sleeping.remove(force=True)
    assert list(states) == []


def test_stream_ends_with_the_engine(own_engine: Any) -> None:
    """Does an open stream neither outlive the engine nor make its end an error?"""
    running: EngineProcess = own_engine()
    client = docker.DockerClient(base_url=running.host)
    client.images.pull("busybox", "latest")
    container = client.containers.create("busybox", ["true"])
    path = f"containers/{container.id}/changes/stream"
    with Extension(client).ask(path, stream=True) as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines))["Changes"] == []
        assert running.stop() == 0
        assert list(lines) == []
    client.close()


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("images/nowhere/layers", 404, "No such image: nowhere:latest"),
        ("layers/abc/files", 400, "invalid checksum digest format: 'abc'"),
        (f"layers/sha256:{'0' * 64}/files", 404, f"No such layer: sha256:{'0' * 64}"),
        (f"layers/sha256:{'0' * 64}/files?path=etc", 400, "path must be absolute: etc"),
        (f"layers/sha256:{'0' * 64}/files?limit=-1", 400, "limit must be from 0 to 5000"),
        (
            f"layers/sha256:{'0' * 64}/files?limit=x",
            400,
            'strconv.Atoi: parsing "x": invalid syntax',
        ),
        ("containers/nobody/changes", 404, "No such container: nobody"),
        ("containers/nobody/changes/stream", 404, "No such container: nobody"),
        ("nonsense", 404, "page not found"),
    ],
)
def test_refusals(extension: Extension, path: str, status: int, message: str) -> None:
    """Is what cannot be told refused with Docker's status and a sentence?"""
    answer = extension.ask(path)
    assert answer.status_code == status
    assert answer.json() == {"message": message}


def test_version(extension: Extension) -> None:
    """Does the extension say which one it is?"""
    assert extension.get("version")["Extension"] == "1"


def test_content_for_a_difference(extension: Extension, sleeping: Container) -> None:
    """Can a file be seen before and after, in a container and in an image's layer?"""
    sleeping.exec_run(["sh", "-c", "echo hello > /new; echo other > /etc/issue; rm /etc/motd"])
    told = extension.get(f"containers/{sleeping.id}/content?path=/etc/issue")
    assert told["Before"]["Text"].startswith("Debian")
    assert told["After"]["Text"] == "other\n"
    assert extension.get(f"containers/{sleeping.id}/content?path=/new")["Before"] is None
    chain = layers_of(extension, "nginx")[1]["ChainId"]
    account = extension.get(f"layers/{chain}/content?path=/etc/passwd")
    assert "nginx" in account["After"]["Text"]
    assert "nginx" not in account["Before"]["Text"]
    program = extension.get(f"layers/{chain}/content?path=/usr/sbin/nginx")["After"]
    assert (program["Text"], program["Truncated"]) == (None, True)
    refused = extension.ask(f"containers/{sleeping.id}/content?path=/bin/sh")
    assert (refused.status_code, refused.json()["message"]) == (
        404,
        "No such file in the layer: /bin/sh",
    )


def test_feed_says_which_paths(states: Iterator[dict[str, Any]], sleeping: Container) -> None:
    """Does each state say which paths were written since the one before, also if no size changed?"""
    assert next(states)["Written"] is None
    sleeping.exec_run(["sh", "-c", "echo one > /one; rm /etc/issue"])
    assert next(states)["Written"] == [
        {"Path": "/etc", "Kind": 0},
        {"Path": "/etc/issue", "Kind": 2},
        {"Path": "/one", "Kind": 1},
    ]
    sleeping.exec_run(["sh", "-c", "echo two > /one"])
    assert next(states)["Written"] == [{"Path": "/one", "Kind": 1}]
    sleeping.exec_run(["rm", "/one"])
    assert next(states)["Written"] == [{"Path": "/one", "Kind": 2}]
