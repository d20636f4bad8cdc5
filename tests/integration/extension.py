"""A client of /lab/v1/, for tests."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import requests

from lab.sandbox.process import EngineProcess
from tests.integration import raw


class Extension:
    """Asks /lab/v1/ over the engine's socket."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._api = client.api

    def ask(self, path: str, stream: bool = False) -> requests.Response:
        address = f"{self._api.base_url}/lab/v1/{path}"
        answer: requests.Response = self._api.get(address, stream=stream, timeout=20)
        return answer

    def get(self, path: str) -> Any:
        answer = self.ask(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[dict[str, Any]]]:
        """Give the objects of an endless answer as they come."""
        with self.ask(path, stream=True) as answer:
            assert answer.status_code == 200, answer.text
            yield (json.loads(line) for line in answer.iter_lines(chunk_size=1))


@contextmanager
def collected(engine: EngineProcess, path: str) -> Iterator[list[dict[str, Any]]]:
    """Give a list that grows by what an endless answer sends, until the block is left."""
    found: list[dict[str, Any]] = []
    connection = raw.connect(engine, f"GET /lab/v1/{path}")
    connection.settimeout(None)
    lines = connection.makefile("rb")
    assert b" 200 " in lines.readline()
    # the head ends when the answer has begun: from then on everything is heard
    while lines.readline().strip():
        pass

    def collect() -> None:
        # between the lines are the chunks' sizes
        for line in lines:
            if line.startswith(b"{"):
                found.append(json.loads(line))

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        yield found
    finally:
        connection.shutdown(socket.SHUT_RDWR)
        thread.join()
        lines.close()
        connection.close()
