"""One engine, as all live widgets ask it: Docker's API, and the lab's extension where there is one.

Everything here blocks and returns plain JSON values.
"""

from __future__ import annotations

from typing import Any

from docker import DockerClient
from docker.errors import APIError, DockerException, create_api_error_from_http_exception
from requests import HTTPError, RequestException, Response

from lab.widgets.streams import Json, Stream

GONE = (DockerException, RequestException, OSError, ValueError)
"""What a conversation with an engine that ends can raise; ValueError: half a JSON text."""

MARK = "by=lab-widget"
"""In the query of all that widgets ask, so that the glass engine can leave it out; engines pay no
heed to what they do not know."""

_TIMEOUT = 10.0


class Engine:
    """One engine.  Several threads may ask at once."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self.api: Any = client.api
        name, _, value = MARK.partition("=")
        self.api.params = {name: value}
        self.has_extension = self._probe()

    @property
    def name(self) -> str:
        """What the engine calls itself, with its version."""
        version: Json = self._client.version()
        platform = version.get("Platform") or {}
        name = platform.get("Name") or "Docker Engine"
        return f"{name} {version['Version']}"

    def containers(self) -> list[Json]:
        """Return all containers as `docker ps -a` lists them, the latest first."""
        found: list[Json] = self.api.containers(all=True)
        return found

    def events(self) -> Stream:
        """Return the engine's events from now on."""
        return self.stream("/events")

    def get(self, path: str) -> Json:
        """Return the JSON answer at a path, without a version; docker.errors.NotFound, APIError."""
        found: Json = _checked(self.api.get(self.api.base_url + path, timeout=_TIMEOUT)).json()
        return found

    def stream(self, path: str) -> Stream:
        """Return an answer that goes on; docker.errors.NotFound, APIError."""
        address = self.api.base_url + path
        return Stream(_checked(self.api.get(address, stream=True, timeout=(_TIMEOUT, None))))

    def close(self) -> None:
        self._client.close()

    def _probe(self) -> bool:
        try:
            self.get("/lab/v1/version")
        except APIError:
            return False
        return True


def _checked(response: Response) -> Response:
    try:
        response.raise_for_status()
    except HTTPError as error:
        response.close()
        create_api_error_from_http_exception(error)
    return response
