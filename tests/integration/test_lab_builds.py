"""/lab/v1/builds: what the build cache decided about each step, and why."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration.extension import Extension, collected

LINES = ["FROM busybox", "ARG VERSION=1", "RUN echo $VERSION > /v", "COPY app /app", "CMD true"]


@pytest.fixture
def extension(client: docker.DockerClient) -> Extension:
    return Extension(client)


@pytest.fixture
def built(client: docker.DockerClient) -> Iterator[Any]:
    """Builds from lines and a file; the images are removed afterwards."""
    made: list[str] = []

    def build(lines: list[str], app: str = "one", **options: Any) -> Any:
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as archive:
            for name, text in (("Dockerfile", "\n".join(lines)), ("app", app)):
                member = tarfile.TarInfo(name)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        context.seek(0)
        image, _ = client.images.build(fileobj=context, custom_context=True, rm=True, **options)
        made.append(image.id)
        return image

    yield build
    for each in reversed(dict.fromkeys(made)):
        client.images.remove(each, force=True)


def decided(extension: Extension) -> list[str]:
    """What was changed, step by step, for the latest build; empty is a hit."""
    (latest,) = extension.get("builds?limit=1")["Builds"]
    return [step["Changed"] for step in latest["Steps"]]


def test_reasons(built: Any, extension: Extension) -> None:
    """Does each step say whether it was taken from the cache, or what was not the same?"""
    built([*LINES, "LABEL of=reasons"])
    built([*LINES, "LABEL of=reasons"])
    assert decided(extension) == [""] * 5
    built([*LINES, "LABEL of=reasons"], nocache=True)
    assert decided(extension) == ["no-cache"] * 5
    built([*LINES, "LABEL of=reasons"], app="two")
    assert decided(extension) == ["", "", "files", "parent", "parent"]
    (latest,) = extension.get("builds?limit=1")["Builds"]
    assert latest["Steps"][2]["Details"] == ["app changed"]
    assert latest["Steps"][2]["Line"] == 4
    built([*LINES, "LABEL of=reasons"], buildargs={"VERSION": "2"})
    assert decided(extension) == ["", "arg", "parent", "parent", "parent"]
    (latest,) = extension.get("builds?limit=1")["Builds"]
    assert latest["Steps"][1]["Details"] == ["VERSION changed"]
    built([*LINES[:-1], "CMD false"])
    assert decided(extension) == ["", "", "", "instruction"]
    (latest,) = extension.get("builds?limit=1")["Builds"]
    assert latest["Steps"][3]["Details"] == ["CMD true"]
    built(["FROM debian", *LINES[1:]])
    assert decided(extension)[0] == "base"


def test_a_build_is_remembered(
    built: Any, extension: Extension, client: docker.DockerClient
) -> None:
    """Are image, base, tags and the end of a build there, and an event with the same?"""
    image = built([*LINES, "LABEL of=memory"], tag="remembered:1")
    (latest,) = extension.get("builds?limit=1")["Builds"]
    assert latest["Image"] == image.id
    assert latest["Base"] == client.images.get("busybox").id
    assert latest["Tags"] == ["docker.io/library/remembered:1"]
    assert latest["EndedNano"] > latest["StartedNano"]
    assert latest["Error"] == ""
    assert extension.get(f"builds/{latest['Number']}") == latest
    since = latest["StartedNano"] // 10**9
    told = [
        event["Actor"]["Attributes"]
        for event in client.events(
            since=since, until=time.time() + 0.001, decode=True, filters={"event": "build"}
        )
        if event["Actor"]["ID"] == image.id
    ]
    assert told[0]["base"] == latest["Base"]
    assert told[0]["dockerfile"] == latest["Dockerfile"]
    assert (told[0]["number"], told[0]["steps"]) == (str(latest["Number"]), "5")


def test_a_failed_build_is_remembered(built: Any, extension: Extension) -> None:
    """Is the error there, with the steps that were decided before?"""
    with pytest.raises(docker.errors.BuildError):
        built(["FROM busybox", "RUN exit 7"])
    (latest,) = extension.get("builds?limit=1")["Builds"]
    assert "returned a non-zero code: 7" in latest["Error"]
    assert len(latest["Steps"]) == 1
    assert latest["Image"] == ""


def test_steps_are_told_as_they_are_decided(built: Any, engine: EngineProcess) -> None:
    """Does whoever listens hear each decision of a build?"""
    with collected(engine, "builds/stream") as steps:
        built([*LINES, "LABEL of=live"])
        until(lambda: len(steps) == 5, what="five steps")
    assert [step["Step"] for step in steps] == [2, 3, 4, 5, 6]
    assert {step["Kind"] for step in steps} == {"step"}


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("builds?limit=0", 400, "limit must be from 1 to 200"),
        ("builds/0", 404, "No such build: 0"),
        ("builds/x", 404, "No such build: x"),
    ],
)
def test_refusals(extension: Extension, path: str, status: int, message: str) -> None:
    """Is what cannot be told refused?"""
    answer = extension.ask(path)
    assert (answer.status_code, answer.json()) == (status, {"message": message})
