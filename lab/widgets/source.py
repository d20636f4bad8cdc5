"""What the widgets ask an engine: Docker's API, and the lab's extension where there is one.

Everything here blocks and returns plain JSON values.  On an engine without the extension (a real
Docker Engine) the same questions are answered from Docker's API as far as it goes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import quote

from docker import DockerClient
from docker.errors import APIError, ImageNotFound, NotFound, create_api_error_from_http_exception
from requests import HTTPError, Response

from lab.widgets.history import Step, from_docker, from_extension
from lab.widgets.streams import Json, Stream

_TIMEOUT = 10.0
_DIFF_PAUSE = 3.0
"""Seconds between two looks at what a container wrote, where nothing else tells of it."""


class Following(Protocol):
    """States as they come, for one thread, in a `with` block; any thread may `close` it."""

    def __enter__(self) -> Following: ...

    def __exit__(self, *exception: object) -> None: ...

    def __iter__(self) -> Iterator[Json]: ...

    def close(self) -> None: ...


class Source:
    """One engine.  Several threads may ask at once."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._api = client.api
        self.has_extension = self._probe()

    @property
    def engine_name(self) -> str:
        """What the engine calls itself, with its version."""
        version: Json = self._client.version()
        platform = version.get("Platform") or {}
        name = platform.get("Name") or "Docker Engine"
        return f"{name} {version['Version']}"

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
        if self.has_extension:
            path = f"/lab/v1/images/{quote(image_id)}/layers"
            return from_extension(self._get(path)["Layers"])
        layers = self._api.inspect_image(image_id)["RootFS"].get("Layers") or []
        return from_docker(self._api.history(image_id), layers)

    def containers(self) -> list[Json]:
        """Return all containers as `docker ps -a` lists them, the latest first."""
        found: list[Json] = self._api.containers(all=True)
        return found

    def files(self, chain: str, limit: int) -> Json | None:
        """Return what a layer changes; None where the engine cannot tell."""
        if not self.has_extension:
            return None
        return self._get(f"/lab/v1/layers/{quote(chain)}/files?limit={limit}")

    def written(self, container: str) -> Json:
        """Return what a container has changed; docker.errors.NotFound."""
        if self.has_extension:
            return self._get(f"/lab/v1/containers/{quote(container)}/changes")
        changes = self._api.diff(container) or []
        return {"Size": None, "Changes": changes, "Truncated": False}

    def events(self) -> Stream:
        """Return the engine's events from now on."""
        return self._stream("/events")

    def follow(self, container: str) -> Following:
        """Tell what a container has changed, now and whenever it is something else.

        Ends when the container is removed.  Raises docker.errors.NotFound.
        """
        if not self.has_extension:
            return _Repeated(self, container)
        return self._stream(f"/lab/v1/containers/{quote(container)}/changes/stream")

    def close(self) -> None:
        self._client.close()

    def _probe(self) -> bool:
        try:
            self._get("/lab/v1/version")
        except APIError:
            return False
        return True

    def _stream(self, path: str) -> Stream:
        address = self._api.base_url + path
        return Stream(_checked(self._api.get(address, stream=True, timeout=(_TIMEOUT, None))))

    def _get(self, path: str) -> Json:
        response = self._api.get(self._api.base_url + path, timeout=_TIMEOUT)
        found: Json = _checked(response).json()
        return found


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


def _checked(response: Response) -> Response:
    try:
        response.raise_for_status()
    except HTTPError as error:
        response.close()
        create_api_error_from_http_exception(error)
    return response
