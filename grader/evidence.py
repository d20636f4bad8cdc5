"""What an engine tells: Docker's JSON, its whole journal as events, and the lab's extension.

Checks read this and nothing else.  Each answer is fetched when it is first asked for, and kept:
one evaluation sees one state.  A learner's own Docker Engine tells less: what it does not tell,
checks leave open.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import docker
import requests
from docker.errors import DockerException, NotFound

from grader.errors import EngineUnreachable, NotTheLabs
from grader.student import Student

Json = Mapping[str, Any]

PATIENCE = 2.0
"""Seconds that a published page may take: a server that was started a moment ago is still coming up."""

_PAGE_BYTES = 1 << 16
_PAUSE = 0.05
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXTENSION = "/lab/v1"


@dataclass(frozen=True, slots=True)
class Event:
    """One event as Docker words it, with the lab's additional attributes."""

    type: str
    action: str
    actor: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is in the local store."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    labels: Mapping[str, str]
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Container:
    """A container, running or not; `image` is the id of its image."""

    id: str
    name: str
    image: str
    running: bool
    exit_code: int
    ports: Mapping[str, list[dict[str, str]] | None]
    mounts: tuple[str, ...]


class Evidence:
    """The engine's answers, for one evaluation of one student's work."""

    def __init__(self, client: docker.DockerClient, student: Student) -> None:
        """`client` stays the caller's to close."""
        self._client = client
        self._api = client.api
        self.student = student
        self._inspected: dict[str, Image | None] = {}

    @cached_property
    def is_lab(self) -> bool:
        """Whether this is an engine of the lab, which tells all that checks can ask."""
        return bool(self._extension("/version"))

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """All that ever happened in this engine, the oldest first."""
        with _answering():
            # the engine's clock, not ours: it may run in a machine of its own
            now = self._client.info()["SystemTime"]
            told = list(self._client.events(since=0, until=_unix_time(now), decode=True))
        return tuple(
            Event(
                event.get("Type", ""),
                event.get("Action", ""),
                event.get("Actor", {}).get("ID", ""),
                event.get("Actor", {}).get("Attributes") or {},
            )
            for event in told
        )

    def happened(self, type: str, action: str) -> Iterator[Event]:
        """Yield the events of one kind, the oldest first."""
        return (each for each in self.events if each.type == type and each.action == action)

    @cached_property
    def images(self) -> tuple[Image, ...]:
        """All images of the local store, the latest first."""
        with _answering():
            listed = self._api.images()
            return tuple(image for each in listed if (image := self.image(each["Id"])))

    def image(self, id: str) -> Image | None:
        """Return an image by its id, one without a name too; None if it is not here."""
        if id not in self._inspected:
            with _answering():
                self._inspected[id] = self._image(id)
        return self._inspected[id]

    def image_called(self, name: str) -> Image | None:
        """Return the image that a name means at this moment; None if there is none here."""
        with _answering():
            return self._image(name)

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """All containers, the latest first."""
        with _answering():
            listed = self._api.containers(all=True)
            return tuple(found for each in listed if (found := self._container(each["Id"])))

    def files_of_layer(self, image: Image, number: int, folder: str) -> tuple[str, ...]:
        """Return the files, by path, that an image's layer (1: its base) adds or changes in a folder."""
        steps = self._extension(f"/images/{image.id}/layers").get("Layers", ())
        chains = [step["ChainId"] for step in steps if step.get("Number") == number]
        if not chains:
            return ()
        entries = self._extension(f"/layers/{chains[0]}/files", path=folder).get("Entries", ())
        return tuple(each["Path"] for each in entries if each["Change"] != "deleted")

    def written_by(self, container: Container) -> tuple[str, ...]:
        """Return the paths that a container has added, changed or deleted since it was created."""
        if self.is_lab:
            told = self._extension(f"/containers/{container.id}/changes").get("Changes", ())
        else:
            told = self._diff(container)
        return tuple(each["Path"] for each in told)

    def page(self, host: str, port: int) -> str | None:
        """Return what `GET /` answers at an address of the host; None if it is not status 200."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return _get(host, port, max(0.1, end - time.monotonic()))
            except (OSError, http.client.HTTPException):
                if time.monotonic() + _PAUSE > end:
                    return None
                time.sleep(_PAUSE)

    def require_lab(self) -> None:
        """Raise EngineUnreachable unless this is an engine of the lab, which alone tells enough."""
        if not self.is_lab:
            raise NotTheLabs(
                "the engine that answers is not the lab's own, and does not tell what the checks"
                " need to know",
                hint="use a terminal or a notebook of the lab: they are connected to its engine",
            )

    # --- asking

    def _image(self, id: str) -> Image | None:
        if not id:
            return None
        try:
            told = self._api.inspect_image(id)
        except NotFound:
            return None  # deleted in this very moment
        return Image(
            id=told["Id"],
            tags=tuple(told.get("RepoTags") or ()),
            digests=tuple(told.get("RepoDigests") or ()),
            labels=(told.get("Config") or {}).get("Labels") or {},
            layers=tuple((told.get("RootFS") or {}).get("Layers") or ()),
        )

    def _container(self, id: str) -> Container | None:
        try:
            told = self._api.inspect_container(id)
        except NotFound:
            return None
        return Container(
            id=told["Id"],
            name=told["Name"].removeprefix("/"),
            image=told["Image"],
            running=told["State"]["Running"],
            exit_code=told["State"]["ExitCode"],
            ports=told["NetworkSettings"].get("Ports") or {},
            mounts=tuple(mount["Destination"] for mount in told.get("Mounts") or ()),
        )

    def _diff(self, container: Container) -> list[dict[str, Any]]:
        with _answering():
            try:
                return self._api.diff(container.id) or []
            except NotFound:
                return []  # removed in this very moment

    def _extension(self, route: str, **query: str) -> Json:
        """Return an answer of the extension; an empty one for an object that is not there (any more)."""
        with _answering():
            answer = self._api.get(
                self._api.base_url + _EXTENSION + route, params=query, timeout=self._api.timeout
            )
            told: Json = answer.json() if answer.status_code == 200 else {}
            return told


@contextmanager
def _answering() -> Iterator[None]:
    """Turn whatever docker-py raises when the engine does not answer into one error."""
    try:
        yield
    except (DockerException, requests.RequestException, OSError) as error:
        raise EngineUnreachable(f"the engine does not answer any more: {error}") from error


def _get(host: str, port: int, limit: float) -> str | None:
    connection = http.client.HTTPConnection(host, port, timeout=limit)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        content = response.read(_PAGE_BYTES)
    finally:
        connection.close()
    return content.decode(errors="replace") if response.status == 200 else None


def _unix_time(moment: str) -> str:
    """Return the first microsecond after an RFC 3339 time, as Docker's query parameters spell it."""
    at = (datetime.fromisoformat(moment) - _EPOCH) // timedelta(microseconds=1) + 1
    return f"{at // 1_000_000}.{at % 1_000_000:06d}"
