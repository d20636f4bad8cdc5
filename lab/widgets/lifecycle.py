"""The lifecycle widget: the states of containers, and the arrows that they take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import traitlets
from docker.errors import NotFound

from lab.widgets import assets, texts
from lab.widgets.engine import Engine
from lab.widgets.feed import Watch, changes_picture
from lab.widgets.lifecycle_machine import FORCED_WITHIN_ELSEWHERE, Machine
from lab.widgets.live import LiveWidget
from lab.widgets.streams import Json
from lab.widgets.texts_lifecycle import LIFECYCLE


class Lifecycle(LiveWidget):
    """Shows the states of containers as a picture, live.

        Lifecycle("web")               this container
        Lifecycle()                    all containers

    Containers stand in their states; the arrow that one has just taken lights up, with the command
    that took it.
    """

    _esm = assets.script("dom", "live", "absent", "svg", "lifecycle_map", "lifecycle")
    _css = assets.style("common", "live", "lifecycle")

    words = traitlets.Dict(texts.table(texts.COMMON, LIFECYCLE)).tag(sync=True)
    tokens: traitlets.List[Any] = traitlets.List().tag(sync=True)
    arrows: traitlets.List[Any] = traitlets.List().tag(sync=True)
    missing: traitlets.List[Any] = traitlets.List().tag(sync=True)
    more = traitlets.Int(0).tag(sync=True)

    def __init__(self, *names: str, lang: str = "", socket: str | None = None) -> None:
        self._machine = Machine(names)
        super().__init__(*names, lang=lang, socket=socket)

    def watch(self, engine: Engine) -> Watch:
        return LifecycleWatch(engine, self._machine, self.tell)


class LifecycleWatch(Watch):
    """Hears of each step of a container, and looks now and then where all of them are."""

    def __init__(self, engine: Engine, machine: Machine, tell: Callable[..., None]) -> None:
        self._engine = engine
        self._machine = machine
        self._tell = tell
        self._lock = threading.Lock()
        machine.forced_within = 0.0 if engine.has_extension else FORCED_WITHIN_ELSEWHERE

    def concerns(self, event: Json) -> bool:
        return event.get("Type") == "container" and changes_picture(event)

    def hear(self, event: Json) -> None:
        if self.concerns(event):
            with self._lock:
                self._machine.hear(event)

    def look(self) -> None:
        heard = self._machine.heard
        listed = self._engine.containers()
        with self._lock:
            unknown = self._machine.see(listed, heard)
        for identity in unknown:
            self._inspect(identity)
        with self._lock:
            drawn = self._machine.draw()
        self._tell(**drawn)

    def _inspect(self, identity: str) -> None:
        try:
            inspected = self._engine.api.inspect_container(identity)
        except NotFound:
            return  # it went away; its event is on the way
        with self._lock:
            self._machine.learn(identity, inspected)
