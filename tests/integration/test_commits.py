"""Images made of containers, through docker-py and the genuine CLI."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
from docker.errors import APIError
from docker.models.containers import Container

Cli = Callable[..., Any]


@pytest.fixture
def changed(client: docker.DockerClient) -> Iterator[Container]:
    """A running container with a file of its own, and one less of its image's."""
    container = client.containers.run(
        "busybox", "sleep 1000", detach=True, environment={"OWN": "x"}, name="changed"
    )
    container.exec_run(["sh", "-c", "echo text >/file; chown 7:8 /file; rm /bin/tac"])
    yield container
    for image in client.images.list(filters={"reference": "committed"}):
        client.images.remove(image.id, force=True)


def test_what_is_in_the_image(client: docker.DockerClient, changed: Container, cli: Cli) -> None:
    """Has the image what was written and not what was removed, and the settings and changes?"""
    begin = int(time.time()) - 1
    words = "commit -a me -m why".split()
    changes = ["-c", "ENV A=b", "-c", 'CMD ["cat", "/file"]', "-c", "EXPOSE 80"]
    done = cli(*words, *changes, "changed", "committed:1")
    assert done.returncode == 0, done.stderr
    image = client.images.get("committed:1")
    assert image.id == done.stdout.strip()
    assert (image.attrs["Author"], image.attrs["Comment"]) == ("me", "why")
    config = image.attrs["Config"]
    assert {"OWN=x", "A=b"} <= set(config["Env"])
    assert (config["Cmd"], config["ExposedPorts"]) == (["cat", "/file"], {"80/tcp": {}})
    first, *before = image.history()
    assert (first["Comment"], first["CreatedBy"]) == ("why", "sleep 1000")
    base = client.images.get("busybox")
    assert len(before) == len(base.history())
    assert image.attrs["RootFS"]["Layers"][:-1] == base.attrs["RootFS"]["Layers"]
    assert client.containers.run("committed:1", remove=True) == b"text\n"
    script = ["sh", "-c", "stat -c %u:%g /file; test -e /bin/tac || echo gone"]
    assert client.containers.run("committed:1", script, remove=True) == b"7:8\ngone\n"
    filters = {"container": changed.id, "event": ["pause", "commit", "unpause"]}
    found = list(
        client.events(since=begin, until=int(time.time()) + 1, filters=filters, decode=True)
    )
    assert [event["Action"] for event in found] == ["pause", "commit", "unpause"]
    told = found[1]["Actor"]["Attributes"]
    assert (told["comment"], told["imageID"], told["imageRef"]) == ("why", image.id, "committed:1")
    changed.reload()
    assert changed.status == "running"


def test_without_a_pause_and_without_a_name(
    client: docker.DockerClient, changed: Container
) -> None:
    """Does a container that must not be paused go on, and is an image without a name one too?"""
    begin = int(time.time()) - 1
    made = client.api.commit(changed.id, changes="ENV B=c", conf={"Env": ["C=d"]}, message="m")
    image = client.images.get(made["Id"])
    assert image.tags == []
    assert {"OWN=x", "C=d", "B=c"} <= set(image.attrs["Config"]["Env"])
    client.images.remove(image.id)
    url = client.api._url("/commit")
    answer = client.api._post_json(url, {}, params={"container": changed.id, "pause": False})
    assert answer.status_code == 201
    client.images.remove(answer.json()["Id"])
    filters = {"container": changed.id, "event": "pause"}
    found = client.events(since=begin, until=int(time.time()) + 1, filters=filters, decode=True)
    assert len(list(found)) == 1


def test_a_container_without_changes(client: docker.DockerClient) -> None:
    """Has the image of a container that was never started no layer of its own, as with Docker?"""
    container = client.containers.create("busybox", "true")
    image = container.commit("committed", "same")
    base = client.images.get("busybox")
    assert image.attrs["RootFS"] == base.attrs["RootFS"]
    client.images.remove("committed:same")


def test_a_directory_that_replaced_one(client: docker.DockerClient, changed: Container) -> None:
    """Does a directory that was removed and made anew show nothing of the image's in the new one?"""
    script = "rm -r /var && mkdir /var && echo x >/var/own && ln /var/own /var/again"
    assert changed.exec_run(["sh", "-c", script]).exit_code == 0
    changed.commit("committed", "opaque")
    look = ["sh", "-c", "ls -A /var; stat -c %h /var/own"]
    assert client.containers.run("committed:opaque", look, remove=True) == b"again\nown\n2\n"


def test_what_is_refused(client: docker.DockerClient, changed: Container) -> None:
    """Are changes and names that make no sense refused, and no image left?"""
    before = {image.id for image in client.images.list(all=True)}
    for changes, message in (("FROM x", "not a valid change command"), ("ENV", "ENV")):
        with pytest.raises(APIError, match=message):
            client.api.commit(changed.id, changes=changes)
    with pytest.raises(APIError, match="invalid reference format"):
        changed.commit("UPPER")
    with pytest.raises(APIError, match="No such container: nosuch"):
        client.api.commit("nosuch")
    assert {image.id for image in client.images.list(all=True)} == before
