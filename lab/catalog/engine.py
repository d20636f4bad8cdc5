"""Runs a command in a file system that was just made, with any Docker Engine.

All that the catalog asks of an engine: import, create, start, logs, wait, export, remove.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from lab.errors import Unavailable

_TIMEOUT = 600  # seconds without a byte from the engine
_CHUNK = 1 << 20
_LAST_LINES = 12


class BuildEngine:
    """The engine that listens on the unix socket `socket`; connections end with the context."""

    def __init__(self, socket: str) -> None:
        with _readable_errors():
            self._api = docker.APIClient(
                base_url=f"unix://{socket}", version="auto", timeout=_TIMEOUT
            )

    def __enter__(self) -> BuildEngine:
        return self

    def __exit__(self, *error: object) -> None:
        self._api.close()

    @contextmanager
    def container(
        self, rootfs: Iterable[bytes], command: Sequence[str], environment: Mapping[str, str]
    ) -> Iterator[Run]:
        """Create a container on the file system in the archive `rootfs`; remove both afterwards.

        It has no network and runs as root.  Raises Unavailable if the engine does not do it.
        """
        with _readable_errors():
            image = self._import(rootfs)
            try:
                container = self._create(image, command, environment)
                try:
                    yield Run(self._api, container)
                finally:
                    self._api.remove_container(container, force=True, v=True)
            finally:
                self._api.remove_image(image, force=True)

    def _import(self, rootfs: Iterable[bytes]) -> str:
        answer = self._api.import_image_from_stream(rootfs)
        last = json.loads(answer.strip().splitlines()[-1])
        if "error" in last:
            raise Unavailable(f"the engine could not import a file system: {last['error']}")
        return str(last["status"])

    def _create(self, image: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
        made = self._api.create_container(
            image,
            command=list(command),
            environment=dict(environment),
            user="0:0",
            working_dir="/",
            host_config=self._api.create_host_config(network_mode="none"),
        )
        return str(made["Id"])


class Run:
    """A container that was created."""

    def __init__(self, api: Any, container: str) -> None:
        self._api = api
        self._container = container

    def lines(self) -> Iterator[str]:
        """Start it and yield what it prints, line by line, until it ends.

        Raises Unavailable, with its last lines, unless its exit code is 0.
        """
        self._api.start(self._container)
        last: list[str] = []
        for line in _lines(self._api.logs(self._container, stream=True, follow=True)):
            last = [*last, line][-_LAST_LINES:]
            yield line
        code = self._api.wait(self._container)["StatusCode"]
        if code != 0:
            raise Unavailable(
                "packages could not be set up in a container "
                f"(exit code {code}); its last words: " + " | ".join(last)
            )

    def export(self) -> Iterator[bytes]:
        """Yield the archive of its whole file system."""
        return iter(self._api.export(self._container, chunk_size=_CHUNK))


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "replace").rstrip() for line in whole)
    if rest:
        yield rest.decode("utf-8", "replace")


@contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    except (DockerException, RequestException) as error:
        raise Unavailable(f"the engine that makes the images failed: {error}") from error
