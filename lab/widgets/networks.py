"""The network map: networks as switches, containers plugged in, and the ports that lead to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets

from lab.widgets import assets, network_plan, texts
from lab.widgets.engine import Engine
from lab.widgets.feed import Watch, changes_picture
from lab.widgets.live import LiveWidget
from lab.widgets.streams import Json
from lab.widgets.texts_networks import NETWORKS


class NetworkMap(LiveWidget):
    """Shows networks, the containers in them and the published ports, live.

        NetworkMap("shop")             this network, and the containers in it
        NetworkMap()                   all networks that are used, or that somebody has made

    A chosen port shows the way that a packet takes to the container.
    """

    _esm = assets.script("dom", "live", "svg", "network_drawing", "networks")
    _css = assets.style("common", "live", "networks")

    words = traitlets.Dict(texts.table(texts.COMMON, NETWORKS)).tag(sync=True)
    networks: traitlets.List[Any] = traitlets.List().tag(sync=True)
    containers: traitlets.List[Any] = traitlets.List().tag(sync=True)
    missing: traitlets.List[Any] = traitlets.List().tag(sync=True)
    more = traitlets.Int(0).tag(sync=True)

    def watch(self, engine: Engine) -> Watch:
        return NetworkWatch(engine, self.names, self.tell)


class NetworkWatch(Watch):
    """Looks at all networks and containers when one of them changed."""

    def __init__(self, engine: Engine, names: list[str], tell: Callable[..., None]) -> None:
        self._engine = engine
        self._names = names
        self._tell = tell

    def concerns(self, event: Json) -> bool:
        return event.get("Type") == "network" or changes_picture(event)

    def look(self) -> None:
        networks = self._engine.api.networks()
        self._tell(**network_plan.draw(networks, self._engine.containers(), self._names))
