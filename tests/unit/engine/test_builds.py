"""Builds on the engine's stores: images of steps, the cache, layers, and what is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.build.cache import Reason
from lab.build.plan import BuildOptions
from lab.engine.layers import chain_ids
from lab.errors import BuildError, LabError, NotFound
from lab.image.validate import validate

from .build_parts import Builder, show_upper
from .hub_parts import until
from .image_parts import Parts

OPTIONS = BuildOptions(tags=("alice/app",))


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    show_upper(monkeypatch)
    made = Parts(tmp_path)
    yield made
    made.close()


@pytest.fixture
def builder(parts: Parts) -> Iterator[Builder]:
    made = Builder(parts)
    yield made
    made.builds.close()


def write(name: str, content: str, code: int = 0) -> Any:
    def command(root: Path) -> int:
        (root / name).write_text(content)
        return code

    return command


def test_each_step_leaves_an_image(parts: Parts, builder: Builder) -> None:
    """Are the steps' images there, each the parent of the next, with layers only for files?"""
    builder.engine.commands["make"] = write("made", "12345")
    dockerfile = 'FROM scratch\nCOPY app /app\nENV A=1\nRUN ["make"]\nCMD ["/app"]\n'
    image = builder.build(dockerfile, OPTIONS, app=b"app")
    assert validate(image, parts.blobs) == []
    assert image.config.config.cmd == ("/app",)
    assert image.config.config.env[-1] == "A=1"
    assert len(image.layers) == 2
    assert image.size == 3 + 5
    assert [entry.empty_layer for entry in image.config.history] == [False, True, False, True]
    lineage = []
    current = image
    while current.parent is not None:
        current = parts.store.get(current.parent)
        lineage.append(len(current.layers))
    assert lineage == [2, 1, 1]
    assert [name.familiar() for name in parts.store.tags_of(image.id)] == ["alice/app:latest"]
    assert builder.engine.all == {}
    assert "Successfully tagged alice/app:latest" in builder.text()


def test_a_layer_holds_what_the_command_changed(parts: Parts, builder: Builder) -> None:
    """Does the layer of RUN lie upon the image's layers, without the container's mount points?"""
    builder.engine.commands["make"] = write("made", "12345")
    image = builder.build('FROM scratch\nCOPY a /a\nRUN ["make"]\n', OPTIONS, a=b"a")
    chains = [str(chain) for chain in chain_ids(image.config.diff_ids)]
    assert [path.name for path in parts.snapshots.upper(chains[1]).iterdir()] == ["made"]
    assert parts.snapshots.stat(chains[1]).parent == chains[0]
    assert not any(key.startswith("unpack-") for key in parts.snapshot_keys())


def test_a_command_that_changes_nothing_makes_no_layer(parts: Parts, builder: Builder) -> None:
    """Is there no empty layer after such a RUN?"""
    image = builder.build('FROM scratch\nCOPY a /a\nRUN ["nothing"]\n', OPTIONS, a=b"a")
    assert len(image.layers) == 1
    assert [entry.empty_layer for entry in image.config.history] == [False, True]


def test_steps_run_with_the_settings_of_the_request(builder: Builder) -> None:
    """Do containers get complete settings, the parent's id, and the limits that were asked for?"""
    image = builder.build('FROM scratch\nENV A=1\nRUN ["make"]\n', OPTIONS)
    container = next(each for each in builder.engine.created if each.config["Cmd"] == ["make"])
    assert container.config["Env"][-1] == "A=1"
    assert container.config["Tty"] is False
    assert container.host == {"Memory": 7}
    assert container.config["Image"] == str(image.parent)


def test_what_was_built_is_found_again(parts: Parts, builder: Builder) -> None:
    """Does the same build again run nothing and give the same image, and say so?"""
    dockerfile = 'FROM scratch\nCOPY a /a\nRUN ["make"]\n'
    first = builder.build(dockerfile, OPTIONS, a=b"a")
    before = len(builder.engine.created)
    assert builder.build(dockerfile, OPTIONS, a=b"a") == first
    assert len(builder.engine.created) == before
    assert builder.text().count("Using cache") == 2
    other = builder.build(dockerfile, OPTIONS, a=b"changed")
    assert other.id != first.id
    reasons = [decision.reason for decision in builder.builds.history()[0].decisions]
    assert reasons == [Reason.FILES, Reason.PARENT]


def test_the_cache_forgets_images_that_are_gone(parts: Parts, builder: Builder) -> None:
    """Is a step built anew after its image was deleted?"""
    dockerfile = "FROM scratch\nCOPY a /a\n"
    first = builder.build(dockerfile, OPTIONS, a=b"a")
    parts.store.delete(first.id)
    parts.layers.collect()
    builder.build(dockerfile, OPTIONS, a=b"a")
    assert "Using cache" not in builder.text()


def test_the_same_files_give_the_same_layer(parts: Parts, builder: Builder) -> None:
    """Is a layer that is there already shared by a build without the cache?"""
    dockerfile = "FROM scratch\nCOPY a /a\n"
    first = builder.build(dockerfile, OPTIONS, a=b"a")
    again = builder.build(dockerfile, BuildOptions(no_cache=True), a=b"a")
    assert again.id != first.id
    assert again.config.diff_ids == first.config.diff_ids
    assert parts.snapshot_keys().count(str(first.config.diff_ids[0])) == 1


def test_a_failed_command_ends_the_build(parts: Parts, builder: Builder) -> None:
    """Is the exit code told, the failed container kept as in Docker, and the build remembered?"""
    builder.engine.commands["fail"] = write("half", "done", code=3)
    with pytest.raises(BuildError) as caught:
        builder.build('FROM scratch\nCOPY a /a\nRUN ["fail"]\n', OPTIONS, a=b"a")
    assert (caught.value.code, caught.value.line) == (3, 3)
    assert len(builder.engine.all) == 1
    record = builder.builds.history()[0]
    assert "returned a non-zero code: 3" in record.error
    assert record.image == ""
    assert len(record.decisions) == 2
    assert all(action != "build" for action, _ in parts.events())


def test_a_finished_build_is_journalled(parts: Parts, builder: Builder) -> None:
    """Does the event tell image, base, Dockerfile and tags, and the record the same?"""
    base = parts.image({"x": b"x"})
    dockerfile = f"FROM {base.id.hex[:12]}\nLABEL a=b name=forged\n"
    image = builder.build(dockerfile, BuildOptions(tags=("alice/app:1", "other")))
    entry = list(parts.journal.replay())[-1]
    assert (entry.type, entry.action, entry.actor) == ("image", "build", str(image.id))
    record = builder.builds.history()[0]
    assert entry.attributes == {
        "a": "b",
        "name": "alice/app:1",
        "image": str(image.id),
        "base": str(base.id),
        "dockerfile": record.dockerfile,
        "tags": "alice/app:1,other:latest",
        "number": str(record.number),
        "steps": "1",
        "cached": "0",
    }
    assert (record.image, record.base, record.error) == (str(image.id), str(base.id), "")
    assert record.started_ns <= record.ended_ns


def test_a_cancelled_build_ends_its_container(parts: Parts, builder: Builder) -> None:
    """Does cancelling end a command that goes on, and leave neither container nor thread?"""
    builder.engine.hanging = ("forever",)

    async def work() -> None:
        task = asyncio.create_task(
            builder.start('FROM scratch\nCOPY a /a\nRUN ["forever"]\n', OPTIONS, a=b"a")
        )
        await until(lambda: "waiting" in builder.text())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(work(), 20))
    assert builder.engine.all == {}
    assert list((parts.folder / "builds").iterdir()) == []
    assert builder.builds.history()[0].error == "Build cancelled"


def test_a_base_that_is_not_here_is_pulled(parts: Parts) -> None:
    """Is a missing base image fetched in the loop, its messages passed on, and errors too?"""
    image = parts.image({"x": b"x"})

    async def pull(reference: Any, credentials: Any, emit: Any, platform: Any) -> Any:
        emit({"status": f"Pulling {reference.familiar()}"})
        if reference.path == "library/nosuch":
            raise NotFound("pull access denied for nosuch")
        return image

    builder = Builder(parts, SimpleNamespace(pull=pull))
    built = builder.build("FROM far\nLABEL a=b\n", OPTIONS)
    assert built.parent == image.id
    assert {"status": "Pulling far"} in builder.said
    with pytest.raises(NotFound, match="pull access denied"):
        builder.build("FROM nosuch\n", OPTIONS)
    builder.builds.close()


def test_waiting_for_a_pull_ends_with_the_build(parts: Parts) -> None:
    """Is a pull given up when the build that waits for it is cancelled?"""
    given_up = []

    async def pull(reference: Any, credentials: Any, emit: Any, platform: Any) -> Any:
        emit({"stream": "pulling"})
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            given_up.append(reference)
            raise

    builder = Builder(parts, SimpleNamespace(pull=pull))

    async def work() -> None:
        task = asyncio.create_task(builder.start("FROM far\n", OPTIONS))
        await until(lambda: "pulling" in builder.text())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: bool(given_up))

    asyncio.run(asyncio.wait_for(work(), 20))
    builder.builds.close()


def test_an_error_while_copying_leaves_no_layer(
    parts: Parts, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is nothing left of a layer whose files could not be written?"""

    def fail(*args: Any) -> Any:
        raise LabError("no space left")

    monkeypatch.setattr("lab.engine.build_backend.write_layer", fail)
    with pytest.raises(LabError, match="no space left"):
        builder.build("FROM scratch\nCOPY a /a\n", OPTIONS, a=b"a")
    assert parts.store.all() == []
    assert parts.snapshot_keys() == []
