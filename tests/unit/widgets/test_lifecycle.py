"""From events and lists to states and arrows, with the command that took them."""

from __future__ import annotations

from typing import Any, cast

import pytest
from docker.errors import NotFound

from lab.widgets.engine import Engine
from lab.widgets.lifecycle import LifecycleWatch
from lab.widgets.lifecycle_machine import MAX_ARROWS, MAX_REMOVED, MAX_TOKENS, Machine


class Told:
    """Events of one engine, at moments of a clock of its own."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.now = 100.0

    def event(self, action: str, name: str = "web", after: float = 0.01, **more: str) -> None:
        self.now += after
        self.machine.hear(
            {
                "Type": "container",
                "Action": action,
                "Actor": {"ID": f"id-{name}", "Attributes": {"name": name, **more}},
                "timeNano": int(self.now * 1e9),
            }
        )

    def listed(self, state: str, name: str = "web") -> dict[str, Any]:
        return {"Id": f"id-{name}", "Names": [f"/{name}"], "State": state}

    def arrows(self) -> list[tuple[str, str]]:
        return [(each["edge"], each["command"]) for each in self.machine.draw()["arrows"]]

    def running(self, policy: str = "", auto_remove: bool = False) -> Told:
        self.event("create")
        self.event("start")
        host = {"RestartPolicy": {"Name": policy}, "AutoRemove": auto_remove}
        self.machine.learn("id-web", {"HostConfig": host, "State": {"ExitCode": 0}})
        self.now += 60
        return self


@pytest.fixture
def told() -> Told:
    return Told(Machine([]))


def test_create_and_start(told: Told) -> None:
    """Are both arrows told, and not claimed which of two commands it was?"""
    told.running()
    assert told.arrows() == [
        ("new-created", "docker create / run"),
        ("created-running", "docker start / run web"),
    ]
    assert told.machine.draw()["tokens"][0]["state"] == "running"


def test_stop_is_told_from_kill(told: Told) -> None:
    """Does `docker stop` name the end that it caused, and `docker kill` its own?"""
    told.running()
    told.event("kill", signal="15")
    told.event("die", exitCode="0")
    told.event("stop")
    assert told.arrows()[-1] == ("running-exited", "docker stop web")
    told.event("start", after=5)
    assert told.arrows()[-1] == ("exited-running", "docker start web")
    told.event("kill", after=5, signal="9")
    told.event("die", exitCode="137")
    assert told.arrows()[-1] == ("running-exited", "docker kill web")
    assert told.machine.draw()["arrows"][-1]["code"] == 137


def test_restart_takes_two_arrows(told: Told) -> None:
    """Do the end and the start of `docker restart` both carry its name?"""
    told.running()
    for action in ("kill", "die", "stop", "start", "restart"):
        told.event(action)
    assert told.arrows()[-2:] == [
        ("running-exited", "docker restart web"),
        ("exited-running", "docker restart web"),
    ]


def test_restart_of_a_stopped_one_leaves_the_stop_alone(told: Told) -> None:
    """Does a later `docker restart` not claim an earlier `docker stop`?"""
    told.running()
    for action in ("kill", "die", "stop"):
        told.event(action)
    told.event("start", after=5)
    told.event("restart")
    assert told.arrows()[-2:] == [
        ("running-exited", "docker stop web"),
        ("exited-running", "docker restart web"),
    ]


def test_removal_by_force_and_without(told: Told) -> None:
    """Is `docker rm -f` told from `docker kill` and a later `docker rm`?"""
    told.running()
    told.event("kill", signal="9")
    told.event("die", exitCode="137")
    told.event("destroy", after=0.001)
    assert told.arrows()[-2:] == [
        ("running-exited", "docker rm -f web"),
        ("exited-removed", "docker rm -f web"),
    ]
    told.event("create", "db")
    told.event("destroy", "db", after=5)
    assert told.arrows()[-1] == ("created-removed", "docker rm db")
    told.event("start", "third")
    told.event("kill", "third", signal="9")
    told.event("die", "third", exitCode="137")
    told.event("destroy", "third", after=0.05)
    assert [command for _, command in told.arrows()[-2:]] == [
        "docker kill third",
        "docker rm third",
    ]


def test_end_by_itself(told: Told) -> None:
    """Does no command claim a program's own end, nor the removal that `--rm` asked for?"""
    told.running(auto_remove=True)
    told.event("kill", signal="1")
    told.event("die", after=30, exitCode="3")
    told.event("destroy")
    assert told.arrows()[-2:] == [("running-exited", ""), ("exited-removed", "")]


def test_end_for_want_of_memory(told: Told) -> None:
    """Does the arrow say that the kernel killed?"""
    told.running()
    told.event("oom")
    told.event("die", exitCode="137")
    assert told.machine.draw()["arrows"][-1]["note"] == "oom"
    told.event("start", after=3)
    told.event("die", after=3, exitCode="1")
    assert told.machine.draw()["arrows"][-1]["note"] == "code"


@pytest.mark.parametrize(
    ("policy", "code", "signal", "edge"),
    [
        ("always", "0", "", "running-restarting"),
        ("on-failure", "1", "", "running-restarting"),
        ("on-failure", "0", "", "running-exited"),
        ("no", "1", "", "running-exited"),
        ("always", "137", "9", "running-exited"),
    ],
)
def test_who_comes_back(told: Told, policy: str, code: str, signal: str, edge: str) -> None:
    """Does a container whose policy says so go to `restarting`, unless it was killed?"""
    told.running(policy)
    if signal:
        told.event("kill", signal=signal)
    told.event("die", exitCode=code)
    assert told.arrows()[-1][0] == edge


def test_the_list_knows_better(told: Told) -> None:
    """Is an arrow mended if the list says that the engine will start a container again?"""
    told.running()
    told.event("die", exitCode="1")
    told.machine.see([told.listed("restarting")], told.machine.heard)
    assert told.arrows()[-1][0] == "running-restarting"
    told.event("start", after=0.2)
    assert told.arrows()[-1] == ("restarting-running", "")


def test_a_list_older_than_the_events(told: Told) -> None:
    """Does a list that was asked for before the last event not undo what that one told?"""
    told.event("create")
    heard = told.machine.heard
    told.event("start")
    told.machine.see([told.listed("created")], heard)
    assert told.machine.draw()["tokens"][0]["state"] == "running"
    told.machine.see([], heard)
    assert told.machine.draw()["tokens"][0]["state"] == "running"


def test_a_list_newer_than_the_events(told: Told) -> None:
    """If the list tells a state before its event comes, does the arrow begin where it should?"""
    told.event("create")
    told.machine.see([told.listed("running")], told.machine.heard)
    told.event("start")
    assert told.arrows()[-1][0] == "created-running"
    told.machine.see([], told.machine.heard)
    assert told.machine.draw()["tokens"][0]["state"] == "removed"
    told.event("kill", signal="9")
    told.event("die", exitCode="137")
    told.event("destroy", after=0.001)
    assert told.arrows()[-2:] == [
        ("running-exited", "docker rm -f web"),
        ("exited-removed", "docker rm -f web"),
    ]


def test_rename_keeps_the_state(told: Told) -> None:
    """Has a renamed container its new name, in the state that it was in?"""
    told.running()
    told.event("rename", "web", oldName="/web")
    told.machine.hear(
        {
            "Action": "rename",
            "Actor": {"ID": "id-web", "Attributes": {"name": "site", "oldName": "/web"}},
            "time": 1,
        }
    )
    assert told.arrows()[-1] == ("running-running", "docker rename web site")
    assert told.machine.draw()["tokens"][0]["name"] == "site"


def test_only_what_was_asked_for() -> None:
    """Are other containers left out, and one that is not here named as missing?"""
    told = Told(Machine(["web", "db"]))
    told.event("create", "other")
    assert told.machine.draw()["missing"] == ["web", "db"]
    told.event("create", "web")
    drawn = told.machine.draw()
    assert [each["name"] for each in drawn["tokens"]] == ["web"]
    assert [each["name"] for each in drawn["arrows"]] == ["web"]
    assert drawn["missing"] == ["db"]


def test_thousands_of_containers_are_bounded(told: Told) -> None:
    """Do tokens, arrows and removed containers stay a few, however many come and go?"""
    for number in range(1000):
        told.event("create", f"c{number}")
        if number % 2:
            told.event("destroy", f"c{number}")
    drawn = told.machine.draw()
    assert len(drawn["tokens"]) == MAX_TOKENS
    assert drawn["more"] == 500 + MAX_REMOVED - MAX_TOKENS
    assert len(drawn["arrows"]) == MAX_ARROWS


class Containers:
    """An engine with a container that is gone when it is inspected, in place of an Engine."""

    has_extension = True

    def __init__(self) -> None:
        self.api = self

    def containers(self) -> list[dict[str, Any]]:
        return [{"Id": "id-web", "Names": ["/web"], "State": "created"}]

    def inspect_container(self, identity: str) -> Any:
        raise NotFound("No such container")


def test_watch_tells_what_it_sees_and_hears() -> None:
    """Is a container that vanishes meanwhile no error, and only its own events a reason to look?"""
    traits: dict[str, Any] = {}
    watch = LifecycleWatch(
        cast(Engine, Containers()), Machine([]), lambda **told: traits.update(told)
    )
    watch.look()
    assert [each["state"] for each in traits["tokens"]] == ["created"]
    event = {"Type": "container", "Action": "start", "time": 5}
    watch.hear({**event, "Actor": {"ID": "id-web", "Attributes": {"name": "web"}}})
    watch.hear({"Type": "network", "Action": "connect", "Actor": {"ID": "n"}, "time": 5})
    watch.look()
    assert [each["edge"] for each in traits["arrows"]] == ["created-running"]
    assert not watch.concerns({"Type": "network", "Action": "connect"})
    assert not watch.concerns({"Type": "container", "Action": "exec_start: ls"})
