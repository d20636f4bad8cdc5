"""The build cache widget: what each step of a build took from the cache, what it did anew, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets

from lab.widgets import assets, build_steps, texts
from lab.widgets.engine import Engine
from lab.widgets.feed import Watch
from lab.widgets.live import LiveWidget
from lab.widgets.streams import Json
from lab.widgets.texts_build import BUILD_CACHE

MAX_BUILDS = 12
"""How many of the latest builds are shown."""


class BuildCache(LiveWidget):
    """Shows the latest builds, step by step: from the cache or done anew, and why; live.

        BuildCache()                   all builds
        BuildCache("greeter")          builds of images of this name

    A chosen step shows what would be done anew if its line were another one.
    """

    _esm = assets.script("dom", "live", "build_cache")
    _css = assets.style("common", "live", "build_cache")

    words = traitlets.Dict(texts.table(texts.COMMON, BUILD_CACHE)).tag(sync=True)
    builds: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def watch(self, engine: Engine) -> Watch:
        return BuildWatch(engine, self.names, self.tell)


class BuildWatch(Watch):
    """Looks at the latest builds; a step tells no event, so it looks every now and then."""

    pause: float | None = 1.0

    def __init__(self, engine: Engine, names: list[str], tell: Callable[..., None]) -> None:
        self._engine = engine
        self._names = names
        self._tell = tell
        if not engine.has_extension:
            self.pause = None  # there is nothing to look at

    def concerns(self, event: Json) -> bool:
        return event.get("Type") == "image" and event.get("Action") in ("build", "tag")

    def look(self) -> None:
        if self._engine.has_extension:
            found = self._engine.get(f"/lab/v1/builds?limit={4 * MAX_BUILDS}")["Builds"]
            self._tell(builds=build_steps.draw(found, self._names)[:MAX_BUILDS])
