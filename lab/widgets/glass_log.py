"""The trace of an engine, put in order: commands, their API calls, the system calls behind each.

A command is what one client asked in one go: it begins with the call by which the docker CLI and
docker-py greet the engine, or after a while of silence.  Whatever comes, what is kept is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.widgets.engine import MARK
from lab.widgets.glass_calls import command_of, purpose
from lab.widgets.glass_syscalls import about, fold_key

Json = dict[str, Any]

MAX_COMMANDS = 12
MAX_CALLS = 40
MAX_ROWS = 200
MAX_TEXT = 300
SILENCE = 1.5
"""Seconds without a new call after which the next one begins another command."""

_PING = "/_ping"
_NEGOTIATION = "/version"
"""docker-py asks this, without an API version, when a client is made; what follows says whose."""


@dataclass(slots=True)
class Call:
    """One call of the API; without a method: what the engine does by itself.

    `event` is that of an engine without a trace, from which the call was concluded.
    """

    request: str
    method: str
    path: str
    at: float
    event: str = ""
    status: int | None = None
    seconds: float | None = None
    rows: list[Json] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, record: Mapping[str, Any]) -> None:
        """Add a system call; one like the last is counted with it."""
        process, name = record["Process"], record["Name"]
        self.counts[process] = self.counts.get(process, 0) + 1
        arguments = {key: _short(value) for key, value in record["Arguments"].items()}
        key = [process, record["Task"], name, fold_key(name, arguments), record["Error"]]
        last = self.rows[-1] if self.rows else None
        if last is not None and last["key"] == key:
            last["count"] += 1
            last["last"] = arguments
        elif len(self.rows) < MAX_ROWS:
            self.rows.append(
                {
                    "key": key,
                    "process": process,
                    "name": name,
                    "pid": record["Pid"],
                    "count": 1,
                    "first": arguments,
                    "last": arguments,
                    "result": record["Result"],
                    "error": record["Error"],
                    "about": about(name, arguments),
                }
            )

    def draw(self) -> Json:
        found = purpose(self.method, self.path)
        return {
            "request": self.request,
            "method": "event" if self.event else self.method,
            "path": self.event or _short(self.path),
            "time": self.at,
            "status": self.status,
            "seconds": self.seconds,
            "about": found.key,
            "parts": [] if (self.status or 0) >= 400 else list(found.parts),
            "counts": dict(self.counts),
        }


@dataclass(slots=True)
class Command:
    """Calls that belong together; `dropped` are those that were too many."""

    number: int
    calls: list[Call] = field(default_factory=list)
    dropped: int = 0

    def draw(self) -> Json:
        calls = [call for call in self.calls if call.method and not call.event]
        return {
            "number": self.number,
            "command": command_of([(call.method, call.path) for call in calls]),
            "calls": [call.draw() for call in self.calls],
            "dropped": self.dropped,
        }


class TraceLog:
    """Takes the records of /lab/v1/trace; for one thread at a time."""

    def __init__(self) -> None:
        self._commands: deque[Command] = deque(maxlen=MAX_COMMANDS)
        self._open: dict[str, Call] = {}
        self._greeting: Call | None = None
        self._number = 0
        self._latest = 0.0
        self._missed = 0

    def add(self, record: Mapping[str, Any]) -> bool:
        """Take a record; return whether it changes what is drawn."""
        kind = record["Kind"]
        if kind == "missed":
            self._missed += record["Count"]
            return True
        if kind == "request":
            return self._request(record)
        if kind == "response":
            return self._response(record)
        return self._system_call(record)

    def clear(self) -> None:
        """Forget all that was taken."""
        self._commands.clear()
        self._open.clear()
        self._missed = 0

    def draw(self) -> Json:
        """Return the commands, the oldest first, without the system calls."""
        return {"commands": [each.draw() for each in self._commands], "missed": self._missed}

    def rows(self, request: str) -> Json:
        """Return the system calls of an API call, of the most telling of the last command if none
        is named or it is forgotten."""
        call = self._find(request) or self._most_telling()
        if call is None:
            return {"request": "", "rows": [], "more": 0}
        shown = sum(row["count"] for row in call.rows)
        return {
            "request": call.request,
            "rows": [{key: row[key] for key in row if key != "key"} for row in call.rows],
            "more": sum(call.counts.values()) - shown,
        }

    def _request(self, record: Mapping[str, Any]) -> bool:
        path, at = record["Path"], record["TimeNano"] / 1e9
        if path.startswith("/lab/v1/") or MARK in path:
            return False  # a picture's own: to show them would never end
        call = Call(record["Request"], record["Method"], path, at, record.get("Event", ""))
        if path == _NEGOTIATION:
            self._greeting = self._open[call.request] = call
            return False
        command = self._command_for(call)
        if len(command.calls) >= MAX_CALLS:
            command.dropped += 1
            return True
        command.calls.append(call)
        self._open[call.request] = call
        return True

    def _response(self, record: Mapping[str, Any]) -> bool:
        call = self._open.get(record["Request"])
        if call is None:
            return False
        call.status, call.seconds = record["Status"], record["DurationNano"] / 1e9
        return True

    def _system_call(self, record: Mapping[str, Any]) -> bool:
        call = self._open.get(record["Request"]) if record["Request"] else self._own(record)
        if call is None:
            return False
        call.add(record)
        return True

    def _own(self, record: Mapping[str, Any]) -> Call | None:
        """Return what the engine does by itself after the last command; None before the first."""
        if not self._commands:
            return None
        calls = self._commands[-1].calls
        if not calls or calls[-1].method:
            self._number += 1
            calls.append(Call(f"own-{self._number}", "", "", record["TimeNano"] / 1e9))
        return calls[-1]

    def _command_for(self, call: Call) -> Command:
        """Return the command that a new call belongs to."""
        greeting, self._greeting = self._greeting, None
        greets = call.path.partition("?")[0] == _PING
        if greeting is not None and call.at - greeting.at < SILENCE:
            self._begin()
            self._commands[-1].calls.append(greeting)
            self._open[greeting.request] = greeting
        elif not self._commands or greets or call.at - self._latest > SILENCE:
            self._begin()
        self._latest = call.at
        return self._commands[-1]

    def _begin(self) -> None:
        self._number += 1
        self._commands.append(Command(self._number))
        kept = {call.request for command in self._commands for call in command.calls}
        self._open = {id: call for id, call in self._open.items() if id in kept}

    def _find(self, request: str) -> Call | None:
        calls = (call for command in self._commands for call in command.calls)
        return next((call for call in calls if request and call.request == request), None)

    def _most_telling(self) -> Call | None:
        if not self._commands:
            return None
        return max(
            self._commands[-1].calls,
            key=lambda call: (
                call.method != "",
                len(call.rows),
                purpose(call.method, call.path).rank,
            ),
            default=None,
        )


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else None
    return value if text is None or len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
