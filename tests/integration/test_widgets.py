"""The layers widget beside a real engine: it follows, it reconnects, it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest

from lab.sandbox.process import EngineProcess
from lab.widgets import Layers

from ..conftest import until

LISTENING = 15.0

# docker-py leaves the socket of a failed connection to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def layers(engine: EngineProcess) -> Iterator[Layers]:
    made = Layers("nginx", "debian", socket=str(engine.socket))
    until(lambda: made.towers)
    yield made
    made.close()


def container(layers: Layers, name: str) -> dict[str, Any] | None:
    """The container as it is drawn; None if it is not."""
    return next((each for each in layers.containers if each["name"] == name), None)


def paths(layers: Layers, name: str) -> list[str]:
    """The paths that a container is drawn to have changed."""
    drawn = container(layers, name)
    written = layers.written.get(drawn["id"]) if drawn else None
    return [path for _, path, _ in written["changes"]] if written else []


def test_picture_of_two_images(layers: Layers) -> None:
    """Is debian's layer drawn once, under nginx's own ones, and are the files to be had?"""
    assert layers.engine["state"] == "live"
    assert layers.engine["extension"]
    (base,) = layers.towers
    assert [image["names"][0] for image in base["images"]] == ["debian:latest"]
    assert len(base["above"]) == 1
    assert len(base["owners"]) == 2
    found = layers._look(base["above"][0]["chain"])
    assert found is not None
    assert found["Total"] > 100


def test_life_of_a_container(layers: Layers, client: docker.DockerClient) -> None:
    """Does the picture follow: created, written to, stopped, renamed, removed?"""
    made = client.containers.run("nginx", detach=True, name="followed")
    until(lambda: (container(layers, "followed") or {}).get("running"))
    until(lambda: "/run/nginx.pid" in paths(layers, "followed"))
    made.exec_run(["touch", "/mine"])
    until(lambda: "/mine" in paths(layers, "followed"))
    made.stop()
    until(lambda: (container(layers, "followed") or {}).get("status") == "exited")
    until(lambda: "/mine" in paths(layers, "followed"))
    made.rename("known")
    until(lambda: container(layers, "known"))
    made.remove()
    until(lambda: not container(layers, "known"))
    assert made.id not in layers.written
    until(lambda: layers.heard.get("action") == "destroy")
    assert layers.heard["name"] == "known"


def test_image_that_is_pulled_and_removed(
    client: docker.DockerClient, engine: EngineProcess
) -> None:
    """Is an image that is not here named as missing, drawn when it comes, and missing again?"""
    layers = Layers("hello-world", socket=str(engine.socket))
    until(lambda: layers.missing == ["hello-world"])
    client.images.pull("hello-world", "latest")
    until(lambda: layers.towers)
    assert layers.missing == []
    client.images.remove("hello-world")
    until(lambda: layers.missing == ["hello-world"])
    layers.close()


def test_all_images(engine: EngineProcess) -> None:
    """Without names, are all images drawn?"""
    layers = Layers(socket=str(engine.socket))
    wanted = {"nginx:latest", "debian:latest", "busybox:latest"}

    def drawn() -> set[str]:
        images = [image for tower in layers.towers for image in _images(tower)]
        return {name for image in images for name in image["names"]}

    until(lambda: wanted <= drawn())
    layers.close()


def _images(tower: dict[str, Any]) -> list[dict[str, Any]]:
    found = list(tower["images"])
    for above in tower["above"]:
        found += _images(above)
    return found


def test_widget_outlives_the_engine(own_engine: Callable[[], EngineProcess]) -> None:
    """Does it say when the engine is gone, and go on when there is one again?"""
    first = own_engine()
    layers = Layers(socket=str(first.socket))
    until(lambda: layers.engine["state"] == "live")
    first.stop()
    until(lambda: layers.engine["state"] == "gone")
    assert "lab start" in layers.engine["message"]
    second = own_engine()
    until(lambda: layers.engine["state"] == "live", LISTENING)
    client = docker.DockerClient(base_url=second.host)
    client.images.pull("busybox", "latest")
    until(lambda: layers.towers)
    client.close()
    layers.close()


def test_nothing_goes_on_after_the_end(engine: EngineProcess, client: docker.DockerClient) -> None:
    """Are all threads gone soon after the widget is closed, or no longer shown?"""
    client.containers.run("nginx", detach=True)
    before = set(threading.enumerate())
    layers = Layers("nginx", socket=str(engine.socket))
    until(lambda: layers.written)
    layers._on_message(None, {"kind": "shown", "view": "one"}, [])
    layers._on_message(None, {"kind": "shown", "view": "two"}, [])
    layers._on_message(None, {"kind": "hidden", "view": "one"}, [])
    assert set(threading.enumerate()) > before
    layers._on_message(None, {"kind": "hidden", "view": "two"}, [])
    until(lambda: set(threading.enumerate()) <= before)
    layers._on_message(None, {"kind": "shown", "view": "three"}, [])
    assert set(threading.enumerate()) > before
    layers.close()
    until(lambda: set(threading.enumerate()) <= before)
