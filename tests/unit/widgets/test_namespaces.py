"""Who shares which namespace, and what a process is from both sides, as the widget draws it."""

from __future__ import annotations

from typing import Any, cast

import pytest
from docker.errors import APIError

from lab.widgets import namespace_map
from lab.widgets.engine import Engine
from lab.widgets.namespaces import MAX_OPEN, Namespaces, NamespacesWatch
from lab.widgets.naming import select
from lab.widgets.texts_namespaces import NAMESPACES


def place(kind: str, name: str, **inodes: int) -> dict[str, Any]:
    return {
        "Kind": kind,
        "Id": f"id-{name}" if kind == "container" else "",
        "Name": name,
        "Pid": 1,
        "Namespaces": inodes,
    }


PLACES = [
    place("host", "host", pid=1, net=1, user=1),
    place("sandbox", "sandbox", pid=2, net=2, user=2),
    place("container", "side", pid=5, net=2, user=3),
    place("container", "web", pid=5, net=4, user=3),
]


class Extension:
    """An engine with the extension, in place of an Engine."""

    has_extension = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if path == "/lab/v1/namespaces":
            return {"Places": PLACES}
        if "gone" in path:
            raise APIError("it does not run")
        return {"Processes": [process(1, 19)], "Total": 1}


def process(inside: int, outside: int) -> dict[str, Any]:
    return {
        "Pid": {"Container": inside, "Sandbox": outside, "Host": None},
        "User": {"Name": "root", "Container": 0, "Sandbox": 1, "Host": None},
        "Command": ["nginx", "-g"],
        "Name": "nginx",
        "State": "S (sleeping)",
        "MemoryBytes": 4096,
    }


def shared(drawn: dict[str, Any], kind: str) -> list[list[str]]:
    return [each["names"] for each in drawn["shared"] if each["type"] == kind]


def test_who_shares_what() -> None:
    """Is each namespace of two places told once, and none that only one place has?"""
    drawn = namespace_map.draw(namespace_map.from_extension({"Places": PLACES}), [])
    assert [each["name"] for each in drawn["places"]] == ["host", "sandbox", "web", "side"]
    assert shared(drawn, "pid") == [["web", "side"]]
    assert shared(drawn, "net") == [["sandbox", "side"]]
    assert shared(drawn, "user") == [["web", "side"]]
    assert drawn["places"][2]["spaces"]["net"] == {"key": "4", "inode": 4}


def test_sharing_with_one_that_is_not_drawn() -> None:
    """Is a container that was not asked for still named as one that shares?"""
    drawn = namespace_map.draw(namespace_map.from_extension({"Places": PLACES}), ["web", "db"])
    assert [each["name"] for each in drawn["places"]] == ["host", "sandbox", "web"]
    assert shared(drawn, "pid") == [["web", "side"]]
    assert drawn["missing"] == ["db"]


def test_hundreds_of_containers_are_bounded() -> None:
    """Are the places that are drawn, and the names of those that share, a few, and the rest counted?"""
    many = [place("container", f"c{number}", net=7) for number in range(300)]
    drawn = namespace_map.draw(namespace_map.from_extension({"Places": many}), [])
    assert len(drawn["places"]) == namespace_map.MAX_PLACES
    assert drawn["more"] == 300 - namespace_map.MAX_PLACES
    (net,) = drawn["shared"]
    assert (len(net["names"]), net["count"]) == (namespace_map.MAX_NAMES, 300)


def test_an_engine_without_the_extension() -> None:
    """Does a real Docker Engine's own record tell who was asked to share with whom?"""
    inspected = [
        {"Id": "b" * 64, "Name": "/side", "HostConfig": {"PidMode": "container:" + "a" * 12}},
        {"Id": "c" * 64, "Name": "/open", "HostConfig": {"NetworkMode": "host", "IpcMode": ""}},
        {"Id": "a" * 64, "Name": "/web", "HostConfig": {"NetworkMode": "bridge"}},
    ]
    drawn = namespace_map.draw(namespace_map.from_docker(inspected), [])
    assert shared(drawn, "pid") == [["web", "side"]]
    assert shared(drawn, "net") == [["host", "open"]]
    assert shared(drawn, "mnt") == []
    assert all(
        space["inode"] is None for each in drawn["places"] for space in each["spaces"].values()
    )


def test_processes_from_both_sides() -> None:
    """Has a process its numbers inside, in the sandbox and on the host, unknown ones as None?"""
    told = namespace_map.processes({"Processes": [process(1, 19)], "Total": 3})
    (row,) = told["rows"]
    assert row["pid"] == [1, 19, None]
    assert row["uid"] == [0, 1, None]
    assert row["command"] == "nginx -g"
    assert told["more"] == 2


def test_processes_of_a_real_docker() -> None:
    """Does `docker top` give the outside's numbers, and no claim about the inside?"""
    told = namespace_map.processes_of_top(
        {"Titles": ["UID", "PID", "CMD"], "Processes": [["root", "812", "nginx -g"]]}
    )
    assert told["rows"][0]["pid"] == [None, None, 812]
    assert told["rows"][0]["user"] == "root"
    assert namespace_map.processes_of_top({"Titles": ["PID"], "Processes": None})["rows"] == []


def test_looks_only_at_what_can_have_changed() -> None:
    """Are namespaces looked at again only when a container came or went, processes each time?"""
    engine = Extension()
    told: dict[str, Any] = {}
    opened = ["id-web", "gone"]
    watch = NamespacesWatch(
        cast(Engine, engine), [], lambda: opened, lambda **traits: told.update(traits)
    )
    watch.look()
    watch.look()
    assert engine.asked.count("/lab/v1/namespaces") == 1
    assert told["processes"]["id-web"]["rows"][0]["pid"][0] == 1
    assert told["processes"]["gone"]["rows"] == []
    assert watch.concerns({"Type": "container", "Action": "exec_start: ls"})
    watch.look()
    assert engine.asked.count("/lab/v1/namespaces") == 1
    assert watch.concerns({"Type": "container", "Action": "die"})
    assert not watch.concerns({"Type": "image", "Action": "pull"})
    watch.look()
    assert engine.asked.count("/lab/v1/namespaces") == 2


def test_few_containers_are_open_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Are the processes of only the containers chosen last looked at, and of none that was left?"""
    monkeypatch.setattr(Namespaces, "_start", lambda self: None)
    widget = Namespaces()
    for number in range(10):
        widget.on_message({"kind": "open", "id": f"c{number}"})
    assert widget._opened() == [f"c{number}" for number in range(10 - MAX_OPEN, 10)]
    widget.on_message({"kind": "shut", "id": "c9"})
    assert "c9" not in widget._opened()
    widget.close()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_each_kind_is_explained(language: str) -> None:
    """Has each kind of namespace a word and a sentence?"""
    words = NAMESPACES[language]
    assert all(kind in words and f"ns_{kind}" in words for kind in namespace_map.TYPES)


def test_which_containers_are_meant() -> None:
    """Does a name mean its container, the beginning of an id its own, and nothing all of them?"""
    known = [("web", "abc"), ("abc", "def")]
    assert select([], known) == ([0, 1], [])
    assert select(["web"], known) == ([0], [])
    assert select(["ab", "xyz"], known) == ([0], ["xyz"])
    assert select(["abc"], known) == ([1], [])
