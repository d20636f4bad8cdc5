"""The registry widget: what is on a registry, and what of it is on this machine too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import traitlets
from docker.errors import NotFound

from lab.widgets import assets, registry_map, texts
from lab.widgets.engine import Engine
from lab.widgets.feed import Watch
from lab.widgets.live import LiveWidget
from lab.widgets.registry_source import Closed, shelf
from lab.widgets.streams import Json
from lab.widgets.texts_registry import REGISTRY

_MOVES = 8
"""How many of the latest pulls and pushes are kept."""


class Registry(LiveWidget):
    """Shows repositories, the images in them, and which layers are on this machine too; live.

    Registry()                     the lab's Hub, which stands in Docker Hub's place
    Registry("localhost:5000")     a registry that answers at this address
    """

    _esm = assets.script("dom", "live", "registry_detail", "registry")
    _css = assets.style("common", "live", "registry")

    words = traitlets.Dict(texts.table(texts.COMMON, REGISTRY)).tag(sync=True)
    registry: traitlets.Dict[str, Any] = traitlets.Dict({"state": "wait", "message": ""}).tag(
        sync=True
    )
    repositories: traitlets.List[Any] = traitlets.List().tag(sync=True)
    totals: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    moved: traitlets.List[Any] = traitlets.List().tag(sync=True)
    more = traitlets.Bool(False).tag(sync=True)

    def __init__(self, address: str = "", *, lang: str = "", socket: str | None = None) -> None:
        super().__init__(*([address] if address else []), lang=lang, socket=socket)

    def watch(self, engine: Engine) -> Watch:
        return RegistryWatch(engine, "".join(self.names), self.tell)


class RegistryWatch(Watch):
    """Looks at the registry and at the local images; others may push, so every now and then too."""

    pause = 3.0

    def __init__(self, engine: Engine, address: str, tell: Callable[..., None]) -> None:
        self._engine = engine
        self._address = address
        self._tell = tell
        self._shelf = shelf(engine, address)
        self._layers: dict[str, list[str]] = {}
        self._moved: list[Json] = []

    def concerns(self, event: Json) -> bool:
        return event.get("Type") == "image"

    def hear(self, event: Json) -> None:
        action = event.get("Action")
        if event.get("Type") == "image" and action in ("pull", "push"):
            move = {
                "way": action,
                "reference": (event.get("Actor") or {}).get("ID", ""),
                "time": event.get("time", int(time.time())),
                "number": self._moved[-1]["number"] + 1 if self._moved else 1,
            }
            self._moved = [*self._moved, move][-_MOVES:]
            self._tell(moved=self._moved)

    def look(self) -> None:
        try:
            listing = self._shelf.listing()
        except Closed as closed:
            self._tell(
                registry={"state": closed.state, "message": str(closed)},
                repositories=[],
                totals={},
                more=False,
            )
            return
        drawn = registry_map.draw(listing, self._local(), self._address)
        self._tell(registry={"state": "open", "message": ""}, **drawn)

    def stop(self) -> None:
        self._shelf.close()

    def _local(self) -> registry_map.Local:
        ids = {str(each["Id"]) for each in self._engine.api.images()}
        self._layers = {each: self._layers_of(each) for each in ids}
        layers = {layer for found in self._layers.values() for layer in found}
        return registry_map.Local(ids, layers)

    def _layers_of(self, image: str) -> list[str]:
        """Return an image's layers, which never change, so they are asked for once."""
        if image not in self._layers:
            try:
                return list(self._engine.api.inspect_image(image)["RootFS"].get("Layers") or [])
            except NotFound:
                return []  # it went away; its event is on the way
        return self._layers[image]
