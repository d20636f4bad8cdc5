"""What all live widgets are: a picture of an engine that follows what happens there.

A new widget is a subclass of LiveWidget with its own traits, a Watch (what it looks at, and on
which events), and a script and a style in `static` that extend `live.js` and `live.css`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import anywidget
import traitlets

from lab import connect
from lab.widgets import texts
from lab.widgets.engine import GONE, Engine
from lab.widgets.feed import Feed, Watch
from lab.widgets.streams import Json

_Found = TypeVar("_Found")


class LiveWidget(anywidget.AnyWidget):
    """Follows an engine while it is shown, until it is closed.

    `names` are what it is about, as the subclass understands them.  `lang` is `en` or `ko`, by
    default the lesson's language or JupyterLab's; `socket` is the engine's, by default as for
    lab.connect.  The threads of its watch may change traits with `tell`.
    """

    words = traitlets.Dict(texts.COMMON).tag(sync=True)
    lang = traitlets.Unicode("").tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    engine: traitlets.Dict[str, Any] = traitlets.Dict({"state": "connecting", "message": ""}).tag(
        sync=True
    )
    heard: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)

    def __init__(self, *names: str, lang: str = "", socket: str | None = None) -> None:
        super().__init__(names=list(names), lang=lang or texts.language_of_lesson(Path.cwd()))
        self._socket = socket
        self._lock = threading.RLock()
        self._views: set[str] = set()
        self._feed: Feed | None = None
        self.on_msg(self._on_message)
        self._start()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.names))})"

    def close(self) -> None:
        """Stop following the engine, and take the widget away."""
        self._stop()
        super().close()

    # --- what a subclass fills in

    def watch(self, engine: Engine) -> Watch:
        """Return what this widget does while `engine` answers; called for each connection."""
        raise NotImplementedError

    def on_message(self, content: Json) -> None:
        """Do what the browser's side asks for."""

    # --- what a subclass and its watch use

    def tell(self, **traits: Any) -> None:
        """Change traits at once, from any thread."""
        with self._lock, self.hold_sync():
            for name, value in traits.items():
                setattr(self, name, value)

    def ask(self, question: Callable[[Any], _Found]) -> _Found | None:
        """Return what the present watch answers; None if no engine answers."""
        watch = self._feed.watch if self._feed else None
        try:
            return question(watch) if watch is not None else None
        except GONE:
            return None

    def look_again(self) -> None:
        """Let the watch look soon, as after an event that concerns it."""
        if self._feed:
            self._feed.wake()

    # --- lab.widgets.feed.Sink, called from the feed's threads

    def engine_answers(self, engine: Engine) -> Watch:
        self.tell(
            engine={
                "state": "live",
                "message": "",
                "name": engine.name,
                "extension": engine.has_extension,
            }
        )
        return self.watch(engine)

    def engine_gone(self, message: str) -> None:
        self.tell(engine={**self.engine, "state": "gone", "message": message})

    def hear(self, event: Json) -> None:
        actor = event.get("Actor") or {}
        self.tell(
            heard={
                "type": event.get("Type", ""),
                "action": event.get("Action", ""),
                "name": (actor.get("Attributes") or {}).get("name") or actor.get("ID", "")[:12],
                "time": event.get("time", int(time.time())),
            }
        )

    # --- the browser's side

    def _on_message(self, _: Any, content: Json, __: Any) -> None:
        kind = content.get("kind")
        if kind == "shown":
            with self._lock:
                self._views.add(content["view"])
                self._start()
        elif kind == "hidden":
            with self._lock:
                self._views.discard(content["view"])
                if not self._views:
                    self._stop()
        else:
            self.on_message(content)

    def _start(self) -> None:
        with self._lock:
            if self._feed is None:
                self._feed = Feed(lambda: connect(self._socket), self)
                self._feed.start()

    def _stop(self) -> None:
        with self._lock:
            feed, self._feed = self._feed, None
        if feed is not None:
            feed.stop()
