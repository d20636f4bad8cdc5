"""The glass engine: what a command becomes - HTTP calls, then system calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import traitlets

from lab.widgets import assets, texts
from lab.widgets.engine import Engine
from lab.widgets.feed import Watch
from lab.widgets.followers import Follower
from lab.widgets.glass_log import TraceLog
from lab.widgets.live import LiveWidget
from lab.widgets.streams import Json
from lab.widgets.texts_glass import GLASS
from lab.widgets.texts_syscalls import SYSCALLS

_EVENTS_TOLD = ("image", "container", "network", "volume")


class GlassEngine(LiveWidget):
    """Shows what each command becomes, live: the way it takes, its HTTP calls, its system calls.

        GlassEngine()

    The engine records its system calls only while such a picture is on the page and not paused.
    """

    _esm = assets.script("dom", "live", "svg", "architecture", "glass_lists", "glass")
    _css = assets.style("common", "live", "glass")

    words = traitlets.Dict(texts.table(texts.COMMON, GLASS, SYSCALLS)).tag(sync=True)
    commands: traitlets.List[Any] = traitlets.List().tag(sync=True)
    calls: traitlets.Dict[str, Any] = traitlets.Dict({"request": "", "rows": [], "more": 0}).tag(
        sync=True
    )
    missed = traitlets.Int(0).tag(sync=True)
    paused = traitlets.Bool(False).tag(sync=True)

    def __init__(self, lang: str = "", socket: str | None = None) -> None:
        self._log = TraceLog()
        self._wanted = ""
        super().__init__(lang=lang, socket=socket)

    def watch(self, engine: Engine) -> Watch:
        return GlassWatch(engine, self)

    def on_message(self, content: Json) -> None:
        kind = content.get("kind")
        if kind == "open":
            self._wanted = content["request"]
        elif kind == "pause":
            self.tell(paused=bool(content["paused"]))
            self.ask(lambda watch: watch.pause_recording(self.paused))
        elif kind == "clear":
            with self._lock:
                self._log.clear()
        self.look_again()

    # --- called from the watch's threads

    def take(self, record: Json) -> None:
        """Take a record of the trace."""
        with self._lock:
            changes = self._log.add(record)
        if changes:
            self.look_again()

    def redraw(self) -> None:
        """Send what was taken to the browser."""
        with self._lock:
            self.tell(**self._log.draw(), calls=self._log.rows(self._wanted))


class GlassWatch(Watch):
    """Follows the trace; on an engine that has none, its events."""

    def __init__(self, engine: Engine, widget: GlassEngine) -> None:
        self._engine = engine
        self._widget = widget
        self._lock = threading.Lock()
        self._follower: Follower | None = None
        self._events = 0
        self.pause_recording(widget.paused)

    def concerns(self, event: Json) -> bool:
        return False  # it looks when the trace tells something

    def hear(self, event: Json) -> None:
        if self._engine.has_extension or self._widget.paused:
            return
        if event.get("Type") in _EVENTS_TOLD:
            self._events += 1
            for record in as_records(event, f"e{self._events}"):
                self._widget.take(record)

    def look(self) -> None:
        self._widget.redraw()

    def stop(self) -> None:
        with self._lock:
            follower, self._follower = self._follower, None
        if follower is not None:
            follower.stop()

    def pause_recording(self, paused: bool) -> None:
        """Begin to follow the trace, or stop: then the engine records nothing."""
        if paused or not self._engine.has_extension:
            self.stop()
            return
        with self._lock:
            if self._follower is None:
                begin: Callable[[], Any] = lambda: self._engine.stream("/lab/v1/trace")  # noqa: E731
                self._follower = Follower(begin, self._widget.take)


# an event's type and action -> the call that a client makes for it
_CALLS = {
    ("image", "pull"): ("POST", "/images/create"),
    ("image", "push"): ("POST", "/images/NAME/push"),
    ("image", "tag"): ("POST", "/images/NAME/tag"),
    ("image", "delete"): ("DELETE", "/images/NAME"),
    ("image", "untag"): ("DELETE", "/images/NAME"),
    ("container", "create"): ("POST", "/containers/create"),
    ("container", "start"): ("POST", "/containers/NAME/start"),
    ("container", "stop"): ("POST", "/containers/NAME/stop"),
    ("container", "kill"): ("POST", "/containers/NAME/kill"),
    ("container", "pause"): ("POST", "/containers/NAME/pause"),
    ("container", "unpause"): ("POST", "/containers/NAME/unpause"),
    ("container", "restart"): ("POST", "/containers/NAME/restart"),
    ("container", "rename"): ("POST", "/containers/NAME/rename"),
    ("container", "destroy"): ("DELETE", "/containers/NAME"),
    ("network", "create"): ("POST", "/networks/create"),
    ("network", "destroy"): ("DELETE", "/networks/NAME"),
    ("volume", "create"): ("POST", "/volumes/create"),
    ("volume", "destroy"): ("DELETE", "/volumes/NAME"),
}


def as_records(event: Json, identity: str) -> list[Json]:
    """Return the call that an event lets one conclude, as the trace would tell it; none if none."""
    actor = event.get("Actor") or {}
    kind, action = str(event.get("Type")), str(event.get("Action"))
    if (kind, action) not in _CALLS:
        return []
    method, path = _CALLS[kind, action]
    name = (actor.get("Attributes") or {}).get("name") or str(actor.get("ID", ""))[:12]
    return [
        {
            "Kind": "request",
            "Request": identity,
            "TimeNano": event.get("timeNano", 0),
            "Method": method,
            "Path": path.replace("NAME", name),
            "Event": f"{kind} {action} {name}",
        }
    ]
