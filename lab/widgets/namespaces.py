"""The namespaces widget: who is in which namespace, and what a process is from both sides."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import traitlets
from docker.errors import APIError

from lab.widgets import assets, namespace_map, texts
from lab.widgets.engine import Engine
from lab.widgets.feed import Watch, changes_picture
from lab.widgets.live import LiveWidget
from lab.widgets.streams import Json
from lab.widgets.texts_namespaces import NAMESPACES

MAX_OPEN = 4
"""Of how many containers, those that were chosen last, the processes are looked at."""


class Namespaces(LiveWidget):
    """Shows in which namespaces the host, the sandbox and running containers are, live.

        Namespaces("web", "db")        these containers
        Namespaces()                   all that run

    Who shares a namespace has the same letter and pattern.  A chosen container tells its
    processes and users as they are numbered inside and outside.
    """

    _esm = assets.script("dom", "live", "absent", "processes", "namespaces")
    _css = assets.style("common", "live", "namespaces")

    words = traitlets.Dict(texts.table(texts.COMMON, NAMESPACES)).tag(sync=True)
    places: traitlets.List[Any] = traitlets.List().tag(sync=True)
    shared: traitlets.List[Any] = traitlets.List().tag(sync=True)
    missing: traitlets.List[Any] = traitlets.List().tag(sync=True)
    more = traitlets.Int(0).tag(sync=True)
    processes: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)

    def __init__(self, *names: str, lang: str = "", socket: str | None = None) -> None:
        self._open: OrderedDict[str, None] = OrderedDict()
        super().__init__(*names, lang=lang, socket=socket)

    def watch(self, engine: Engine) -> Watch:
        return NamespacesWatch(engine, self.names, self._opened, self.tell)

    def on_message(self, content: Json) -> None:
        if content.get("kind") == "open":
            with self._lock:
                self._open[content["id"]] = None
                self._open.move_to_end(content["id"])
                while len(self._open) > MAX_OPEN:
                    self._open.popitem(last=False)
        elif content.get("kind") == "shut":
            with self._lock:
                self._open.pop(content["id"], None)
        self.look_again()

    def _opened(self) -> list[str]:
        with self._lock:
            return list(self._open)


class NamespacesWatch(Watch):
    """Looks at all running containers, and at the processes of those that are opened."""

    pause = 2.0

    def __init__(
        self,
        engine: Engine,
        names: list[str],
        opened: Callable[[], list[str]],
        tell: Callable[..., None],
    ) -> None:
        self._engine = engine
        self._names = names
        self._opened = opened
        self._tell = tell
        self._stale = True

    def concerns(self, event: Json) -> bool:
        ours = changes_picture(event) and event.get("Type") == "container"
        if ours:
            self._stale = True
        return ours or str(event.get("Action", "")).startswith("exec_")

    def look(self) -> None:
        """Look; at the namespaces only if a container came or went, for they never change."""
        if self._stale:
            self._stale = False
            try:
                self._look_at_places()
            except BaseException:
                self._stale = True
                raise
        self._tell(processes={id: self._processes(id) for id in self._opened()})

    def _look_at_places(self) -> None:
        if self._engine.has_extension:
            told = namespace_map.from_extension(self._engine.get("/lab/v1/namespaces"))
        else:
            running = [
                self._engine.api.inspect_container(each["Id"])
                for each in self._engine.api.containers()
            ]
            told = namespace_map.from_docker(running)
        self._tell(**namespace_map.draw(told, self._names))

    def _processes(self, container: str) -> Mapping[str, Any]:
        try:
            if self._engine.has_extension:
                return namespace_map.processes(
                    self._engine.get(f"/lab/v1/containers/{quote(container)}/processes")
                )
            return namespace_map.processes_of_top(self._engine.api.top(container))
        except APIError:
            return namespace_map.NO_PROCESSES  # it runs no more
