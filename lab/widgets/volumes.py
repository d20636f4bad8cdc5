"""The volumes widget: where data lives, and which containers use it at which place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import traitlets
from docker.errors import NotFound

from lab.widgets import assets, storage, texts
from lab.widgets.engine import Engine
from lab.widgets.feed import Watch, changes_picture
from lab.widgets.live import LiveWidget
from lab.widgets.streams import Json
from lab.widgets.texts_volumes import VOLUMES

_MEASURED = 4.0
"""Seconds between two measurements of all sizes, which the engine has to add up each time."""


class Volumes(LiveWidget):
    """Shows volumes, folders and memory that containers use, and at which place, live.

    Volumes("data")                this volume
    Volumes()                      all volumes, folders of the host, and tmpfs
    """

    _esm = assets.script("dom", "live", "volumes")
    _css = assets.style("common", "live", "volumes")

    words = traitlets.Dict(texts.table(texts.COMMON, VOLUMES)).tag(sync=True)
    stores: traitlets.List[Any] = traitlets.List().tag(sync=True)
    missing: traitlets.List[Any] = traitlets.List().tag(sync=True)
    more = traitlets.Int(0).tag(sync=True)

    def watch(self, engine: Engine) -> Watch:
        return VolumesWatch(engine, self.names, self.tell)


class VolumesWatch(Watch):
    """Looks at volumes and containers; a container's mounts never change, so at those once."""

    pause = _MEASURED

    def __init__(self, engine: Engine, names: list[str], tell: Callable[..., None]) -> None:
        self._engine = engine
        self._names = names
        self._tell = tell
        self._mounts: dict[str, list[storage.Mount]] = {}
        self._sizes: dict[str, int] = {}
        self._measured = 0.0

    def concerns(self, event: Json) -> bool:
        return changes_picture(event) or event.get("Type") == "volume"

    def look(self) -> None:
        listed = self._engine.containers()
        self._mounts = {each["Id"]: self._mounts_of(each["Id"]) for each in listed}
        volumes = self._engine.api.volumes().get("Volumes") or []
        self._measure({each["Name"] for each in volumes})
        self._tell(**storage.draw(volumes, listed, self._mounts, self._sizes, self._names))

    def _mounts_of(self, container: str) -> list[storage.Mount]:
        if container not in self._mounts:
            try:
                return storage.mounts_of(self._engine.api.inspect_container(container))
            except NotFound:
                return []  # it went away; its event is on the way
        return self._mounts[container]

    def _measure(self, names: set[str]) -> None:
        """Measure again if that was a while ago, or if there is a volume that was not measured."""
        now = time.monotonic()
        if now - self._measured < _MEASURED and names <= self._sizes.keys():
            return
        self._sizes = storage.sizes(self._engine.api.df())
        self._measured = now
