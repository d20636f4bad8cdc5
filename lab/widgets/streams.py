"""Answers that go on, one JSON text a line, and an end to them from another thread."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from docker.errors import DockerException
from docker.types import CancellableStream
from requests import RequestException, Response

Json = dict[str, Any]


class Stream:
    """What one thread reads until it ends, in a `with` block; any thread may `close` it."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[Json]:
        return (json.loads(line) for line in self._response.iter_lines() if line)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exception: object) -> None:
        self._response.close()

    def close(self) -> None:
        """End the stream: whoever reads it finds its end, or an error of the connection."""
        try:
            # it knows how to shut down the socket below; the reader releases the rest
            CancellableStream(iter(()), self._response).close()
        except (AttributeError, DockerException, OSError, RequestException, ValueError):
            pass  # it has ended already
