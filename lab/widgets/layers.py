"""The layers widget: images as stacks of layers, and what containers write on top of them."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from lab import connect
from lab.widgets import assets, texts
from lab.widgets.feed import Feed
from lab.widgets.streams import Json

FILES_LISTED = 400


class Layers(anywidget.AnyWidget):
    """Shows images as stacks of layers, live.

        Layers("nginx", "debian")      these images and their containers
        Layers()                       all images that are here

    What two images share is drawn once, under both.  It follows everything that happens, typed
    in a terminal or in a notebook, until it is closed or no longer shown.  `lang` is `en` or
    `ko`, by default the lesson's language or JupyterLab's; `socket` is the engine's, by default
    as for lab.connect.
    """

    _esm = assets.script("dom", "stack", "detail", "layers")
    _css = assets.style("common", "layers")

    words = traitlets.Dict(texts.table(texts.COMMON, texts.LAYERS)).tag(sync=True)
    lang = traitlets.Unicode("").tag(sync=True)
    engine: traitlets.Dict[str, Any] = traitlets.Dict({"state": "connecting", "message": ""}).tag(
        sync=True
    )
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    towers: traitlets.List[Any] = traitlets.List().tag(sync=True)
    containers: traitlets.List[Any] = traitlets.List().tag(sync=True)
    missing: traitlets.List[Any] = traitlets.List().tag(sync=True)
    more = traitlets.Int(0).tag(sync=True)
    written: traitlets.Dict[str, Json] = traitlets.Dict().tag(sync=True)
    heard: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)

    def __init__(self, *names: str, lang: str = "", socket: str | None = None) -> None:
        super().__init__(names=list(names), lang=lang or texts.language_of_lesson(Path.cwd()))
        self._socket = socket
        self._lock = threading.RLock()
        self._views: set[str] = set()
        self._feed: Feed | None = None
        self._files: dict[str, Json] = {}
        self.on_msg(self._on_message)
        self._start()

    def close(self) -> None:
        """Stop following the engine, and take the widget away."""
        self._stop()
        super().close()

    def __repr__(self) -> str:
        return f"Layers({', '.join(map(repr, self.names))})"

    # --- lab.widgets.feed.Sink, called from the feed's threads

    def engine_answers(self, name: str, has_extension: bool) -> None:
        told = {"state": "live", "message": "", "name": name, "extension": has_extension}
        with self._lock:
            self.engine = told

    def engine_gone(self, message: str) -> None:
        with self._lock:
            self.engine = {**self.engine, "state": "gone", "message": message}

    def show(
        self, towers: list[Json], containers: list[Json], missing: list[str], more: int
    ) -> None:
        with self._lock, self.hold_sync():
            self.towers, self.containers, self.missing, self.more = (
                towers,
                containers,
                missing,
                more,
            )
            present = {each["id"] for each in containers}
            self.written = {id: state for id, state in self.written.items() if id in present}

    def show_written(self, container: str, written: Json) -> None:
        with self._lock:
            self.written = {**self.written, container: written}

    def hear(self, event: Json) -> None:
        actor = event.get("Actor") or {}
        told = {
            "type": event.get("Type", ""),
            "action": event.get("Action", ""),
            "name": (actor.get("Attributes") or {}).get("name") or actor.get("ID", "")[:12],
            "time": event.get("time", int(time.time())),
        }
        with self._lock:
            self.heard = told

    # --- the browser's side

    def _on_message(self, _: Any, content: Json, __: Any) -> None:
        kind = content.get("kind")
        if kind == "files":
            self.send(
                {"kind": "files", "chain": content["chain"], "found": self._look(content["chain"])}
            )
        elif kind == "shown":
            with self._lock:
                self._views.add(content["view"])
                self._start()
        elif kind == "hidden":
            with self._lock:
                self._views.discard(content["view"])
                if not self._views:
                    self._stop()

    def _look(self, chain: str) -> Json | None:
        """Return what a layer changes; a layer never changes, so it is asked for once."""
        if chain not in self._files:
            found = self._feed.files(chain, FILES_LISTED) if self._feed else None
            if found is None:
                return None
            self._files[chain] = found
        return self._files[chain]

    def _start(self) -> None:
        with self._lock:
            if self._feed is None:
                self._feed = Feed(self.names, lambda: connect(self._socket), self)
                self._feed.start()

    def _stop(self) -> None:
        with self._lock:
            feed, self._feed = self._feed, None
        if feed is not None:
            feed.stop()
