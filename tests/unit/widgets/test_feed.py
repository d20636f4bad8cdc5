"""The threads that keep a widget true: bounded work, nothing lost, an end when asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest
from docker.errors import NotFound

from lab.widgets import feed as feeds
from lab.widgets import layers
from lab.widgets.feed import Feed, Refresher, changes_picture
from lab.widgets.followers import MAX_FOLLOWED, Followers
from lab.widgets.layers import LayersWatch
from lab.widgets.source import Source

from ...conftest import until


class Following:
    """A stream of states that goes on until it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __enter__(self) -> Following:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield {"Size": 1, "Changes": [], "Truncated": False}
        self.closed.wait()

    def close(self) -> None:
        self.closed.set()


class Engine:
    """An engine with two images and some containers, in place of a Source."""

    tells_files = False

    def __init__(self, *running: str) -> None:
        self.running = list(running)
        self.stopped: list[str] = []
        self.followed: dict[str, Following] = {}
        self.looked_at: list[str] = []
        self.looks = 0
        self.looking = threading.Semaphore(0)
        self.may_look = threading.Event()
        self.may_look.set()

    def images(self) -> list[dict[str, Any]]:
        self.may_look.wait()
        self.looks += 1
        return [{"Id": "i1", "RepoTags": ["web:latest"]}, {"Id": "i2", "RepoTags": None}]

    def find_image(self, name: str) -> str | None:
        return {"web": "i1", "web:latest": "i1"}.get(name)

    def steps(self, image_id: str) -> list[Any]:
        return []

    def containers(self) -> list[dict[str, Any]]:
        states = [(name, "running") for name in self.running]
        states += [(name, "exited") for name in self.stopped]
        return [
            {"Id": name, "Names": [f"/{name}"], "ImageID": "i1", "State": state}
            for name, state in reversed(states)
        ]

    def written(self, container: str) -> dict[str, Any]:
        self.looked_at.append(container)
        if container == "vanished":
            raise NotFound("No such container: vanished")
        return {"Size": 2, "Changes": [], "Truncated": False}

    def follow(self, container: str) -> Following:
        self.followed[container] = Following()
        return self.followed[container]


class Recorder:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.pictures: list[dict[str, Any]] = []
        self.written: dict[str, Any] = {}
        self.gone: list[str] = []

    def engine_answers(self, engine: Any) -> LayersWatch:
        raise AssertionError("no engine answers here")

    def engine_gone(self, message: str) -> None:
        self.gone.append(message)

    def show(self, towers: Any, containers: Any, missing: Any, more: int) -> None:
        self.pictures.append(
            {"containers": [each["id"] for each in containers], "missing": missing}
        )

    def show_written(self, container: str, written: Any) -> None:
        self.written[container] = written

    def show_hidden(self, hidden: Any) -> None:
        assert hidden == {}

    def hear(self, event: Any) -> None:
        pass


def watch(engine: Engine, sink: Recorder, *names: str) -> LayersWatch:
    return LayersWatch(cast(Source, engine), names, sink)


@pytest.fixture
def engine() -> Engine:
    return Engine("a")


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


@pytest.fixture
def refresher(engine: Engine, sink: Recorder) -> Iterator[Refresher]:
    made = Refresher(watch(engine, sink, "web", "other"))
    yield made
    made.stop()


def test_first_look_needs_no_event(refresher: Refresher, sink: Recorder) -> None:
    """Is the picture there at once, with what is missing named?"""
    until(lambda: sink.pictures)
    assert sink.pictures[0] == {"containers": ["a"], "missing": ["other"]}


def test_running_containers_are_followed_and_let_go(
    refresher: Refresher, engine: Engine, sink: Recorder
) -> None:
    """Is a container followed while it runs, and looked at once when it has stopped?"""
    until(lambda: "a" in sink.written)
    assert sink.written["a"]["size"] == 1
    engine.running, engine.stopped = [], ["a"]
    refresher.wake()
    until(lambda: sink.written["a"]["size"] == 2)
    assert engine.followed["a"].closed.is_set()
    refresher.wake()
    looks = engine.looks
    until(lambda: engine.looks > looks)
    assert engine.looked_at == ["a"]


def test_many_events_make_few_looks(refresher: Refresher, engine: Engine, sink: Recorder) -> None:
    """Do a thousand events while it looks cost one more look, and none is lost?"""
    until(lambda: sink.pictures)
    engine.may_look.clear()
    for _ in range(1000):
        refresher.wake()
    engine.running = ["a", "b"]
    engine.may_look.set()
    until(lambda: sink.pictures[-1]["containers"] == ["a", "b"])
    assert engine.looks <= 3


def test_trouble_of_one_look(
    refresher: Refresher, engine: Engine, sink: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does the refresher look again after an answer that nobody can draw?"""
    until(lambda: sink.pictures)
    engine.running = ["a", "b"]
    drawn = layers.picture.containers
    asked = threading.Event()

    def broken(*words: Any) -> Any:
        asked.set()
        raise KeyError("Names")

    monkeypatch.setattr(layers.picture, "containers", broken)
    refresher.wake()
    assert asked.wait(10)
    monkeypatch.setattr(layers.picture, "containers", drawn)
    refresher.wake()
    until(lambda: sink.pictures[-1]["containers"] == ["a", "b"])


def test_stop_ends_all_threads(engine: Engine, sink: Recorder) -> None:
    """Are the refresher's and the followers' threads gone soon after `stop`?"""
    before = set(threading.enumerate())
    made = Refresher(watch(engine, sink))
    until(lambda: "a" in engine.followed)
    made.stop()
    until(lambda: set(threading.enumerate()) <= before)


def test_followers_are_bounded(engine: Engine, sink: Recorder) -> None:
    """With a hundred containers, are only the latest few followed, and the others looked at?"""
    names = [f"c{number}" for number in range(100)]
    followers = Followers(cast(Source, engine), sink.show_written)
    followers.update([{"id": name, "running": True, "status": "running"} for name in names])
    until(lambda: len(engine.followed) == MAX_FOLLOWED)
    assert sorted(engine.followed) == sorted(names[-MAX_FOLLOWED:])
    assert engine.looked_at == names[:-MAX_FOLLOWED]
    followers.stop()
    assert all(each.closed.is_set() for each in engine.followed.values())


def test_container_that_goes_away_while_looked_at(engine: Engine, sink: Recorder) -> None:
    """Is it no error when a container is removed between the list and the look?"""
    followers = Followers(cast(Source, engine), sink.show_written)
    followers.update([{"id": "vanished", "running": False, "status": "exited"}])
    assert sink.written == {}


def test_engine_that_cannot_be_reached(sink: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is that said, tried again, and ended by `stop`?"""
    monkeypatch.setattr(feeds, "_FIRST_PAUSE", 0.01)

    def refuse() -> Any:
        raise OSError("no engine here")

    started = Feed(refuse, sink)
    started.start()
    until(lambda: len(sink.gone) >= 2)
    assert sink.gone[0] == "no engine here"
    assert started.watch is None
    started.stop()
    until(lambda: not started._listener.is_alive())


@pytest.mark.parametrize(
    ("type", "action", "changes"),
    [
        ("container", "start", True),
        ("container", "die", True),
        ("image", "pull", True),
        ("container", "exec_start: sh", False),
        ("container", "resize", False),
        ("network", "connect", False),
    ],
)
def test_which_events_change_the_picture(type: str, action: str, changes: bool) -> None:
    """Is there a new look only for what can be seen?"""
    assert changes_picture({"Type": type, "Action": action}) is changes
