"""The trace put in order: commands, their calls, the system calls behind each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from lab.widgets.engine import MARK, Engine
from lab.widgets.glass import GlassEngine, GlassWatch, as_records
from lab.widgets.glass_log import MAX_CALLS, MAX_COMMANDS, MAX_ROWS, TraceLog

from ...conftest import until

V = "/v1.47"


class Trace:
    """A log that is told what an engine would tell, on a clock of its own."""

    def __init__(self) -> None:
        self.log = TraceLog()
        self.now = 10.0
        self.count = 0

    def request(self, method: str, path: str, after: float = 0.01) -> str:
        self.now += after
        self.count += 1
        told = {"Kind": "request", "Request": f"r{self.count}", "Method": method, "Path": path}
        self.log.add({**told, "TimeNano": int(self.now * 1e9)})
        return f"r{self.count}"

    def answer(self, request: str, status: int = 200) -> None:
        told = {"Kind": "response", "Request": request, "Status": status}
        self.log.add({**told, "TimeNano": int(self.now * 1e9), "DurationNano": 2 * 10**6})

    def call(self, request: str, name: str, process: str = "init", **arguments: Any) -> None:
        told = {"Kind": "call", "Request": request, "Process": process, "Task": "t", "Pid": 7}
        self.log.add(
            {
                **told,
                "TimeNano": int(self.now * 1e9),
                "Name": name,
                "Arguments": arguments,
                "Result": 0,
                "Error": "",
            }
        )

    def run(self) -> str:
        """`docker run -d` as the CLI does it; return the call that starts the container."""
        self.answer(self.request("HEAD", "/_ping", after=5))
        self.answer(self.request("POST", f"{V}/containers/create?name=web"), 201)
        start = self.request("POST", f"{V}/containers/abc/start")
        self.call(start, "clone", "spawner", flags=0)
        self.answer(start, 204)
        return start

    @property
    def commands(self) -> list[dict[str, Any]]:
        drawn: list[dict[str, Any]] = self.log.draw()["commands"]
        return drawn


@pytest.fixture
def trace() -> Trace:
    return Trace()


def test_a_command_is_recognised_by_its_calls(trace: Trace) -> None:
    """Are three calls one `docker run`, with their answers and those who gave them?"""
    trace.run()
    (command,) = trace.commands
    assert command["command"] == "docker run"
    assert [(call["status"], call["about"]) for call in command["calls"]] == [
        (200, "ping"),
        (201, "create"),
        (204, "start"),
    ]
    assert command["calls"][2]["seconds"] == pytest.approx(0.002)
    assert command["calls"][2]["counts"] == {"spawner": 1}


def test_each_greeting_begins_a_command(trace: Trace) -> None:
    """Does the CLI's ping begin a command, and so does silence, but not the next call?"""
    trace.run()
    trace.request("HEAD", "/_ping")
    trace.request("GET", f"{V}/containers/json?all=1")
    trace.request("GET", f"{V}/images/json", after=5)
    assert [each["command"] for each in trace.commands] == [
        "docker run",
        "docker ps -a",
        "docker images",
    ]


def test_pictures_are_left_out(trace: Trace) -> None:
    """Are a picture's own questions not shown, even that by which its client connects?"""
    trace.request("GET", "/version")
    trace.request("GET", f"{V}/containers/json?{MARK}")
    trace.request("GET", "/lab/v1/namespaces")
    assert trace.commands == []
    asked = trace.request("GET", "/version", after=5)
    trace.answer(asked)
    trace.request("GET", f"{V}/containers/json")
    (command,) = trace.commands
    assert [call["about"] for call in command["calls"]] == ["version", "ps"]
    assert command["calls"][0]["status"] == 200


def test_a_refused_call_reaches_nothing(trace: Trace) -> None:
    """Does a call that was refused light up no part of the engine?"""
    refused = trace.request("POST", f"{V}/containers/create")
    trace.answer(refused, 404)
    trace.answer(trace.request("POST", f"{V}/images/create?fromImage=nginx"))
    calls = trace.commands[0]["calls"]
    assert calls[0]["parts"] == []
    assert calls[1]["parts"] == ["registry", "images"]


def test_like_system_calls_are_one_row(trace: Trace) -> None:
    """Are forty dropped capabilities one row with a count, and different mounts one each?"""
    start = trace.run()
    for number in range(40):
        trace.call(start, "prctl", option="PR_CAPBSET_DROP", argument=number)
    trace.call(start, "mount", fstype="proc", target="/proc")
    trace.call(start, "mount", fstype="sysfs", target="/sys")
    rows = trace.log.rows("")["rows"]
    assert [(row["name"], row["count"]) for row in rows] == [
        ("clone", 1),
        ("prctl", 40),
        ("mount", 1),
        ("mount", 1),
    ]
    assert (rows[1]["first"]["argument"], rows[1]["last"]["argument"]) == (0, 39)
    assert rows[1]["about"] == "prctl_bounding"


def test_which_calls_are_shown(trace: Trace) -> None:
    """Are the most telling call's system calls shown, unless another is asked for?"""
    start = trace.run()
    assert trace.log.rows("")["request"] == start
    assert trace.log.rows("r2") == {"request": "r2", "rows": [], "more": 0}
    assert trace.log.rows("forgotten")["request"] == start


def test_what_the_engine_does_by_itself(trace: Trace) -> None:
    """Is it told apart, after the last command, and nothing before the first one?"""
    trace.call("", "rmdir", "daemon", path="/sys/fs/cgroup/x")
    assert trace.commands == []
    trace.run()
    trace.call("", "rmdir", "daemon", path="/sys/fs/cgroup/x")
    trace.call("", "rmdir", "daemon", path="/sys/fs/cgroup/y")
    own = trace.commands[0]["calls"][-1]
    assert (own["method"], own["counts"]) == ("", {"daemon": 2})
    assert trace.commands[0]["command"] == "docker run"


def test_what_is_kept_is_bounded(trace: Trace) -> None:
    """Do commands, calls and rows stay a few, with a count of what is left out?"""
    for _ in range(100):
        start = trace.run()
    for number in range(2 * MAX_ROWS):
        trace.call(start, "mount", target=f"/{number}", data="x" * 5000)
    for number in range(2 * MAX_CALLS):
        trace.request("GET", f"{V}/containers/{number}/json")
    assert len(trace.commands) == MAX_COMMANDS
    assert len(trace.commands[-1]["calls"]) == MAX_CALLS
    assert trace.commands[-1]["dropped"] == MAX_CALLS + 3
    shown = trace.log.rows(start)
    assert (len(shown["rows"]), shown["more"]) == (MAX_ROWS, MAX_ROWS + 1)
    assert all(len(row["first"].get("data", "")) < 400 for row in shown["rows"])
    assert len(trace.log._open) <= MAX_COMMANDS * MAX_CALLS
    trace.log.add({"Kind": "missed", "Count": 5})
    assert trace.log.draw()["missed"] == 5
    trace.log.clear()
    assert trace.log.draw() == {"commands": [], "missed": 0}
    trace.answer(start)


class Stream:
    """A trace that tells of one call, until it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        told = {"Kind": "request", "Request": "r1", "TimeNano": 1}
        yield {**told, "Method": "GET", "Path": "/images/json"}
        self.closed.wait()

    def close(self) -> None:
        self.closed.set()


class Traced:
    """An engine with or without a trace, in place of an Engine."""

    def __init__(self, has_extension: bool) -> None:
        self.has_extension = has_extension
        self.streams: list[Stream] = []

    def stream(self, path: str) -> Stream:
        assert path == "/lab/v1/trace"
        self.streams.append(Stream())
        return self.streams[-1]


@pytest.fixture
def widget(monkeypatch: pytest.MonkeyPatch) -> Iterator[GlassEngine]:
    monkeypatch.setattr(GlassEngine, "_start", lambda self: None)
    made = GlassEngine()
    yield made
    made.close()


def test_nothing_is_recorded_while_paused(widget: GlassEngine) -> None:
    """Does a pause end the trace, its end begin another, and the picture's end leave no thread?"""
    before = set(threading.enumerate())
    engine = Traced(has_extension=True)
    watch = GlassWatch(cast(Engine, engine), widget)
    until(lambda: len(engine.streams) == 1 and widget._log.draw()["commands"])
    watch.look()
    assert widget.commands[0]["command"] == "docker images"
    watch.pause_recording(True)
    assert engine.streams[0].closed.is_set()
    watch.pause_recording(False)
    until(lambda: len(engine.streams) == 2)
    watch.stop()
    until(lambda: set(threading.enumerate()) <= before)
    widget.on_message({"kind": "clear"})
    watch.look()
    assert widget.commands == []


def test_a_real_docker_is_followed_by_its_events(widget: GlassEngine) -> None:
    """Without a trace, do events light up the way, and claim no call and no command?"""
    watch = GlassWatch(cast(Engine, Traced(has_extension=False)), widget)
    actor = {"ID": "sha256:1", "Attributes": {"name": "nginx:latest"}}
    event = {"Type": "image", "Action": "pull", "Actor": actor, "timeNano": 5}
    watch.hear(event)
    watch.look()
    (command,) = widget.commands
    (call,) = command["calls"]
    assert (call["method"], call["path"]) == ("event", "image pull nginx:latest")
    assert call["parts"] == ["registry", "images"]
    assert command["command"] == ""
    assert as_records({**event, "Action": "exec_start: ls"}, "e1") == []
    widget.paused = True
    watch.hear(event)
    watch.look()
    assert len(widget.commands[0]["calls"]) == 1
