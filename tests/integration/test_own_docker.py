"""The loop on two engines: the lab's, and one that stands in for the learner's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from lab.sandbox.process import EngineProcess
from lab.widgets import OwnDocker

from ..conftest import until
from ..deploy.stand_in import without_extension

LIMIT = 60.0

# docker-py leaves the socket of a failed connection to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def own(own_engine: Callable[[], EngineProcess], short_tmp: Path) -> Iterator[str]:
    """The address of an engine that knows Docker's API only."""
    with without_extension(own_engine().socket, short_tmp / "theirs.sock") as address:
        yield address


@pytest.fixture
def widget(engine: EngineProcess, own: str) -> Iterator[OwnDocker]:
    made = OwnDocker("unix:///nowhere/docker.sock", own, engine.host, socket=str(engine.socket))
    until(lambda: made.phase != "looking")
    yield made
    made.close()


def go(widget: OwnDocker, address: str) -> dict[str, Any]:
    """Click the button of an engine, and wait for the end; return the steps by their keys."""
    widget._handle_custom_msg({"kind": "go", "address": address}, [])
    until(lambda: widget.phase in ("done", "failed"), LIMIT)
    return {step["key"]: step for step in widget.steps}


def holds(address: str) -> tuple[set[str], set[str]]:
    """The names of all images and containers of an engine."""
    client = docker.DockerClient(base_url=address)
    images = {tag for each in client.images.list() for tag in each.tags}
    containers = {each.name for each in client.containers.list(all=True)}
    client.close()
    return images, containers


def test_loop_on_both(widget: OwnDocker, own: str, engine: EngineProcess) -> None:
    """Is the other engine found, the loop the same on both, and nothing of it left?"""
    assert [each["address"] for each in widget.engines] == [own]
    before = holds(own), holds(engine.host)
    assert before[0] == (set(), set()), "to look leaves it as it is"
    steps = go(widget, own)
    assert (widget.phase, widget.fault) == ("done", "")
    assert {key: step["state"] for key, step in steps.items()} == dict.fromkeys(steps, "same")
    assert steps["page"]["own"]["said"] == "<h1>The whole loop</h1>"
    assert "GET / HTTP" in steps["logs"]["own"]["said"]
    assert steps["stop"]["own"]["said"] == "exited, exit code 0"
    assert '"1"' in steps["push"]["own"]["said"]
    assert (holds(own), holds(engine.host)) == before


def test_what_is_somebody_elses_is_left(widget: OwnDocker, own: str, engine: EngineProcess) -> None:
    """Does a container of the same name stop the loop before anything is changed?"""
    client = docker.DockerClient(base_url=own)
    client.images.pull("busybox", "latest")
    client.containers.create("busybox", name="lab-loop")
    before = holds(own), holds(engine.host)
    go(widget, own)
    assert widget.phase == "failed"
    assert "lab-loop already" in widget.fault
    assert (holds(own), holds(engine.host)) == before
    client.close()


def test_failure_in_the_middle_cleans_up(
    widget: OwnDocker, own: str, engine: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is a step that fails shown with its reason, and all of it removed on both sides?"""
    monkeypatch.setattr("lab.widgets.loop.DOCKERFILE", "FROM lab-loop-base:1\nRUN false\n")
    before = holds(own), holds(engine.host)
    steps = go(widget, own)
    assert widget.phase == "failed"
    assert steps["build"]["state"] == "failed"
    assert "non-zero code" in steps["build"]["own"]["said"]
    assert steps["run"]["state"] == "waiting"
    assert (holds(own), holds(engine.host)) == before


def test_no_other_engine(engine: EngineProcess) -> None:
    """Where no other engine answers, does it say where it looked, with the steps to come?"""
    made = OwnDocker("unix:///nowhere/docker.sock", engine.host, socket=str(engine.socket))
    until(lambda: made.phase == "none")
    assert "/nowhere/docker.sock" in made.looked
    assert {step["state"] for step in made.steps} == {"waiting"}
    made._handle_custom_msg({"kind": "go", "address": "unix:///nowhere/docker.sock"}, [])
    assert made.phase == "none"
    made.close()


def test_lab_that_uses_the_learners_engine(own: str) -> None:
    """Does it say so when there is no second engine to compare with?"""
    made = OwnDocker(own, socket=own.removeprefix("unix://"))
    until(lambda: made.phase != "looking")
    assert made.phase == "in_use"
    made.close()
