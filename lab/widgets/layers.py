"""The layers widget: images as stacks of layers, and what containers write on top of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

import traitlets

from lab.widgets import assets, file_diff, picture, texts
from lab.widgets.engine import Engine
from lab.widgets.feed import Watch
from lab.widgets.followers import Followers
from lab.widgets.live import LiveWidget
from lab.widgets.source import Source
from lab.widgets.streams import Json
from lab.widgets.texts_files import FILES
from lab.widgets.waste import Waste

FILES_LISTED = 2000

_WASTE_LIMIT, _WASTE_PAUSE = 0.5, 0.2
"""Seconds of a look in which files of layers are listed, and seconds until it goes on."""


class Layers(LiveWidget):
    """Shows images as stacks of layers, live.

        Layers("nginx", "debian")      these images and their containers
        Layers()                       all images that are here

    What two images share is drawn once, under both.  It follows everything that happens, typed
    in a terminal or in a notebook, until it is closed or no longer shown.
    """

    _esm = assets.script("dom", "live", "stack", "file_tree", "detail", "layers")
    _css = assets.style("common", "live", "layers")

    words = traitlets.Dict(texts.table(texts.COMMON, texts.LAYERS, FILES)).tag(sync=True)
    towers: traitlets.List[Any] = traitlets.List().tag(sync=True)
    containers: traitlets.List[Any] = traitlets.List().tag(sync=True)
    missing: traitlets.List[Any] = traitlets.List().tag(sync=True)
    more = traitlets.Int(0).tag(sync=True)
    written: traitlets.Dict[str, Json] = traitlets.Dict().tag(sync=True)
    hidden: traitlets.Dict[str, Json] = traitlets.Dict().tag(sync=True)

    def __init__(self, *names: str, lang: str = "", socket: str | None = None) -> None:
        self._files: dict[str, Json] = {}
        super().__init__(*names, lang=lang, socket=socket)

    def watch(self, engine: Engine) -> Watch:
        return LayersWatch(Source(engine), self.names, self)

    def on_message(self, content: Json) -> None:
        if content.get("kind") == "files":
            chain = content["chain"]
            self.send({"kind": "files", "chain": chain, "found": self._look(chain)})
        elif content.get("kind") == "content":
            asked = {key: content[key] for key in ("scope", "path")}
            self.send({"kind": "content", **asked, "found": self._compare(content)})

    # --- the watch's sink, called from its threads

    def show(
        self, towers: list[Json], containers: list[Json], missing: list[str], more: int
    ) -> None:
        present = {each["id"] for each in containers}
        with self._lock:
            written = {id: state for id, state in self.written.items() if id in present}
            self.tell(
                towers=towers, containers=containers, missing=missing, more=more, written=written
            )

    def show_written(self, container: str, written: Json) -> None:
        with self._lock:
            self.tell(written={**self.written, container: written})

    def show_hidden(self, hidden: dict[str, Json]) -> None:
        self.tell(hidden=hidden)

    def _compare(self, asked: Json) -> Json | None:
        """Return what changed in a file of a layer or a container; None if it is gone."""
        chain, container = asked.get("chain", ""), asked.get("container", "")
        change = self.ask(lambda watch: watch.source.content(chain, container, asked["path"]))
        return None if change is None else file_diff.describe(change)

    def _look(self, chain: str) -> Json | None:
        """Return what a layer changes; a layer never changes, so it is asked for once."""
        if chain not in self._files:
            found = self.ask(lambda watch: watch.source.files(chain, FILES_LISTED))
            if found is None:
                return None
            self._files[chain] = found
        return self._files[chain]


class Sink(Protocol):
    """Who is told what is there."""

    def show(
        self, towers: list[Json], containers: list[Json], missing: list[str], more: int
    ) -> None: ...

    def show_written(self, container: str, written: Json) -> None: ...

    def show_hidden(self, hidden: dict[str, Json]) -> None: ...


class LayersWatch(Watch):
    """Looks at some images (all, if none are named) and their containers."""

    def __init__(self, source: Source, names: Sequence[str], sink: Sink) -> None:
        self.source = source
        self._names = tuple(names)
        self._sink = sink
        self._followers = Followers(source, sink.show_written)
        self._waste = Waste(lambda chain, limit: source.files(chain, limit))

    def look(self) -> None:
        shown, missing, more = choose(self.source, self._names)
        listed = self.source.containers()
        containers = picture.containers(listed, [image.id for image in shown])
        self._sink.show(picture.towers(shown), containers, missing, more)
        self._followers.update(containers)
        self._sink.show_hidden(self._hidden(shown))

    def _hidden(self, shown: Sequence[picture.Shown]) -> dict[str, Json]:
        """Return what the layers of these images hide of those below them, as far as is known.

        To list the files of many new layers takes a while, so the rest comes at the next look.
        """
        hidden: dict[str, Json] = {}
        end = time.monotonic() + _WASTE_LIMIT
        self.pause = None
        for image in shown if self.source.tells_files else ():
            if time.monotonic() > end:
                self.pause = _WASTE_PAUSE
                break
            hidden |= self._waste.of([step.chain for step in image.steps if step.number])
        return hidden

    def stop(self) -> None:
        self._followers.stop()


def choose(source: Source, names: Sequence[str]) -> tuple[list[picture.Shown], list[str], int]:
    """Return the images to show, the names that are not here, and how many more there are."""
    listed = {image["Id"]: image for image in source.images()}
    missing: list[str] = []
    wanted: list[str] = []
    for name in names:
        found = source.find_image(name)
        if found is None:
            missing.append(name)
        elif found not in wanted:
            wanted.append(found)
    if not names:
        wanted = sorted(
            listed, key=lambda id: picture.short_names(listed[id]["RepoTags"]) or ("~",)
        )
    shown = [
        picture.Shown(
            id,
            picture.short_names(listed[id]["RepoTags"]) if id in listed else (),
            tuple(source.steps(id)),
        )
        for id in wanted[: picture.MAX_IMAGES]
    ]
    return shown, missing, max(0, len(wanted) - picture.MAX_IMAGES)
