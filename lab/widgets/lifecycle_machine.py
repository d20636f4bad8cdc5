"""Which state each container is in, and which arrows were taken, by what command.

States are those of Docker, and two of ours: `new` before a container is made, `removed` after.
An arrow is told by the engine's events alone, so it is there however short a state was.

arrow   {"number", "time", "id", "name", "edge": "running-exited", "command", "note", "code"}
token   {"id", "name", "state", "code", "since"}
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.widgets.naming import name_of, select

Json = dict[str, Any]

MAX_ARROWS = 40
MAX_TOKENS = 240
MAX_REMOVED = 6

_ACTIONS = {
    "create": "created",
    "start": "running",
    "pause": "paused",
    "unpause": "running",
    "die": "exited",
    "destroy": "removed",
}
_FROM = {
    "create": ("new",),
    "start": ("created", "exited", "restarting", "dead"),
    "pause": ("running",),
    "unpause": ("paused",),
    "die": ("running", "paused", "restarting"),
    "destroy": ("exited", "created", "dead", "paused", "restarting"),
}
"""Where an arrow can begin; first, where it begins if nothing else is known."""

_KILL_TAKES = 1.5
"""Seconds within which an end is that of a signal which was sent."""

_AT_ONCE = 1.5
"""Seconds within which one command takes two arrows: the end and the start of `docker restart`."""

FORCED_WITHIN_ELSEWHERE = 0.15
"""Seconds between the end and the removal by `docker rm -f`, of other engines than the lab's."""

_FORCED_PART = 0.7
"""The lab's: the part of the time from the signal to the end.  Measured from 0.01 to 0.5, on slow
machines too, while a `docker rm` after a `docker kill` takes as long as that or longer."""

_KNOWN = ("created", "running", "paused", "restarting", "exited", "removing", "dead")


@dataclass(slots=True)
class Life:
    """One container, as far as it is known."""

    id: str
    name: str = ""
    state: str = "new"
    code: int | None = None
    since: float = 0.0
    policy: str = ""
    auto_remove: bool = False
    inspected: bool = False
    killed_at: float = 0.0
    oom: bool = False
    seen_before: str = ""
    """The state before the list told of another one, whose event is still on its way."""
    touched: int = 0
    """The number of the last event that was heard of it."""
    arrows: deque[Json] = field(default_factory=lambda: deque(maxlen=4))

    def draw(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "code": self.code,
            "since": self.since,
        }


class Machine:
    """All containers of an engine; `names` are those that are drawn, all if there are none.

    For one thread at a time.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._lives: OrderedDict[str, Life] = OrderedDict()
        self._arrows: deque[Json] = deque(maxlen=MAX_ARROWS)
        self._ours: set[str] = set()
        self._number = 0
        self.forced_within = 0.0
        """Seconds as above; 0: the engine is the lab's."""
        self.heard = 0
        """How many events were heard."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take note of an event of a container."""
        actor = event["Actor"]
        attributes = actor.get("Attributes") or {}
        action = str(event["Action"]).partition(":")[0]
        at = event.get("timeNano", 0) / 1e9 or float(event.get("time", 0))
        life = self._lives.setdefault(actor["ID"], Life(actor["ID"]))
        life.name = attributes.get("name") or life.name
        self.heard += 1
        life.touched = self.heard
        if action in _ACTIONS:
            self._move(life, action, at, attributes)
        elif action == "kill":
            life.killed_at = at
        elif action == "oom":
            life.oom = True
        elif action in ("stop", "restart"):
            _name_command(life, f"docker {action} {life.name}")
        elif action == "rename":
            old = attributes.get("oldName", "").lstrip("/")
            edge = f"{life.state}-{life.state}"
            self._take(life, edge, at, f"docker rename {old} {life.name}", "renamed")
        if action == "destroy":
            self._let_go(life)

    def see(self, listed: Sequence[Mapping[str, Any]], heard: int) -> list[str]:
        """Take note of what `docker ps -a` lists, latest first; return the ids to be inspected.

        `heard` is how many events were heard before it was asked: what was heard of since then
        is newer than the list.
        """
        for each in reversed(listed):
            life = self._lives.setdefault(each["Id"], Life(each["Id"]))
            if life.touched <= heard and life.state != "removed":
                life.name = name_of(each)
                self._correct(life, each["State"])
        present = {each["Id"] for each in listed}
        for life in list(self._lives.values()):
            if life.id not in present and life.touched <= heard and life.state != "removed":
                life.seen_before, life.state = life.state, "removed"
                self._let_go(life)
        return [
            life.id for life in self._lives.values() if life.id in present and not life.inspected
        ][:MAX_TOKENS]

    def learn(self, identity: str, inspected: Mapping[str, Any]) -> None:
        """Take note of what `docker inspect` tells and no event does."""
        life = self._lives.get(identity)
        if life is None:
            return
        host, state = inspected["HostConfig"], inspected["State"]
        life.inspected = True
        life.policy = (host.get("RestartPolicy") or {}).get("Name") or ""
        life.auto_remove = bool(host.get("AutoRemove"))
        if life.state in ("exited", "dead"):
            life.code = state.get("ExitCode")

    def draw(self) -> Json:
        """Return the traits of the widget."""
        lives = list(self._lives.values())
        meant, missing = select(self._names, [(life.name, life.id) for life in lives])
        shown = [lives[index] for index in meant]
        if self._names:
            self._ours |= {life.id for life in shown}
        return {
            "tokens": [life.draw() for life in shown[-MAX_TOKENS:]],
            "more": max(0, len(shown) - MAX_TOKENS),
            "missing": missing,
            "arrows": [
                dict(arrow)
                for arrow in self._arrows
                if not self._names or arrow["id"] in self._ours
            ],
        }

    def _move(self, life: Life, action: str, at: float, attributes: Mapping[str, str]) -> None:
        before, after, note = life.state, _ACTIONS[action], ""
        killed = at - life.killed_at < _KILL_TAKES
        if before not in _FROM[action]:  # the list was ahead, or an event was not heard
            before = life.seen_before if life.seen_before in _FROM[action] else _FROM[action][0]
        life.seen_before = ""
        if action == "die":
            life.code = int(attributes.get("exitCode") or 0)
            note = "oom" if life.oom else "code"
            after = "restarting" if not killed and _comes_back(life) else "exited"
        elif action == "start":
            life.code, life.oom = None, False
        life.state = after
        self._take(life, f"{before}-{after}", at, _command(life, action, before, killed), note)
        if action == "destroy" and killed and _follows(life, "-exited", self._force_takes(life)):
            _name_command(life, f"docker rm -f {life.name}")

    def _take(self, life: Life, edge: str, at: float, command: str, note: str) -> None:
        self._number += 1
        arrow: Json = {
            "number": self._number,
            "time": at,
            "id": life.id,
            "name": life.name,
            "edge": edge,
            "command": command,
            "note": note,
            "code": life.code if note in ("code", "oom") else None,
        }
        life.since = at
        life.arrows.append(arrow)
        self._arrows.append(arrow)

    def _force_takes(self, life: Life) -> float:
        """Return within how many seconds of its end a killed container is removed by force."""
        ended = life.arrows[-2]["time"] if len(life.arrows) > 1 else 0.0
        return self.forced_within or _FORCED_PART * (ended - life.killed_at)

    def _correct(self, life: Life, state: str) -> None:
        """Believe the list: that the engine will start a container again, only it knows."""
        if state not in _KNOWN or state == life.state:
            return
        last = life.arrows[-1] if life.arrows else None
        if last is not None and {state, life.state} == {"restarting", "exited"}:
            last["edge"] = f"{last['edge'].partition('-')[0]}-{state}"
        else:
            life.seen_before = life.state
        life.state = state

    def _let_go(self, life: Life) -> None:
        """Keep the latest removed ones, for the picture, and no others."""
        self._lives.move_to_end(life.id)
        removed = [id for id, each in self._lives.items() if each.state == "removed"]
        for identity in removed[:-MAX_REMOVED]:
            del self._lives[identity]


def _comes_back(life: Life) -> bool:
    """Say whether the engine will start a container again that ended by itself."""
    if life.policy == "on-failure":
        return life.code != 0
    return life.policy in ("always", "unless-stopped")


def _command(life: Life, action: str, before: str, killed: bool) -> str:
    """Return the command that takes an arrow, as far as events tell; empty: none did."""
    name = life.name
    if action == "create":
        return "docker create / run"
    if action == "start":
        return {"created": f"docker start / run {name}", "restarting": ""}.get(
            before, f"docker start {name}"
        )
    if action == "die":
        return f"docker kill {name}" if killed else ""
    if action == "destroy":
        by_itself = life.auto_remove and before == "exited" and not killed
        force = "" if before in ("created", "exited", "dead") else "-f "
        return "" if by_itself else f"docker rm {force}{name}"
    return f"docker {action} {name}"


def _follows(life: Life, ending: str, seconds: float) -> bool:
    """Say whether the last arrow came so soon after one with such an ending."""
    if len(life.arrows) < 2:
        return False
    before, last = life.arrows[-2], life.arrows[-1]
    return str(before["edge"]).endswith(ending) and last["time"] - before["time"] < seconds


def _name_command(life: Life, command: str) -> None:
    """Say that one command took the last arrow, and the end right before it, if there was one."""
    if not life.arrows:
        return
    if not life.arrows[-1]["edge"].endswith("-exited") and _follows(life, "-exited", _AT_ONCE):
        life.arrows[-2]["command"] = command
    life.arrows[-1]["command"] = command
