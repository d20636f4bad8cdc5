"""What the layers widget asks an engine.

On an engine without the extension (a real Docker Engine) the same questions are answered from
Docker's API as far as it goes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import quote

from docker.errors import ImageNotFound, NotFound

from lab.widgets.engine import Engine
from lab.widgets.history import Step, from_docker, from_extension
from lab.widgets.streams import Json

_DIFF_PAUSE = 3.0
"""Seconds between two looks at what a container wrote, where nothing else tells of it."""


class Following(Protocol):
    """States as they come, for one thread, in a `with` block; any thread may `close` it."""

    def __enter__(self) -> Following: ...

    def __exit__(self, *exception: object) -> None: ...

    def __iter__(self) -> Iterator[Json]: ...

    def close(self) -> None: ...


class Source:
    """Images and containers of one engine.  Several threads may ask at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._api = engine.api

    @property
    def tells_files(self) -> bool:
        """Whether the engine can tell which files a layer changes."""
        return self._engine.has_extension

    def images(self) -> list[Json]:
        """Return the images as `docker images` lists them, the latest first."""
        found: list[Json] = self._api.images()
        return found

    def find_image(self, name: str) -> str | None:
        """Return the id of the image that `name` means; None if it is not here."""
        try:
            return str(self._api.inspect_image(name)["Id"])
        except (ImageNotFound, NotFound):
            return None

    def steps(self, image_id: str) -> list[Step]:
        """Return an image's history, base first; docker.errors.NotFound."""
        if self._engine.has_extension:
            path = f"/lab/v1/images/{quote(image_id)}/layers"
            return from_extension(self._engine.get(path)["Layers"])
        layers = self._api.inspect_image(image_id)["RootFS"].get("Layers") or []
        return from_docker(self._api.history(image_id), layers)

    def containers(self) -> list[Json]:
        """Return all containers as `docker ps -a` lists them, the latest first."""
        return self._engine.containers()

    def files(self, chain: str, limit: int) -> Json | None:
        """Return what a layer changes; None where the engine cannot tell."""
        if not self._engine.has_extension:
            return None
        return self._engine.get(f"/lab/v1/layers/{quote(chain)}/files?limit={limit}")

    def content(self, chain: str, container: str, path: str) -> Json | None:
        """Return a file before and after a layer or a container's writing; None if it is gone."""
        owner = f"layers/{quote(chain)}" if chain else f"containers/{quote(container)}"
        try:
            return self._engine.get(f"/lab/v1/{owner}/content?path={quote(path)}")
        except NotFound:
            return None

    def written(self, container: str) -> Json:
        """Return what a container has changed; docker.errors.NotFound."""
        if self._engine.has_extension:
            return self._engine.get(f"/lab/v1/containers/{quote(container)}/changes")
        changes = self._api.diff(container) or []
        return {"Size": None, "Changes": changes, "Truncated": False}

    def follow(self, container: str) -> Following:
        """Tell what a container has changed, now and whenever it is something else.

        Ends when the container is removed.  Raises docker.errors.NotFound.
        """
        if not self._engine.has_extension:
            return _Repeated(self, container)
        return self._engine.stream(f"/lab/v1/containers/{quote(container)}/changes/stream")


class _Repeated:
    """Asks again and again what a container wrote, for an engine that tells it in no other way."""

    def __init__(self, source: Source, container: str) -> None:
        self._source = source
        self._container = container
        self._closed = threading.Event()

    def __enter__(self) -> _Repeated:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Json]:
        latest = None
        while not self._closed.is_set():
            try:
                state = self._source.written(self._container)
            except NotFound:
                return
            if state != latest:
                latest = state
                yield state
            self._closed.wait(_DIFF_PAUSE)

    def close(self) -> None:
        self._closed.set()
