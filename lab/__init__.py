"""The Docker Learning Lab: a container engine to learn with, and the course around it.

`connect()` returns a docker-py client of the lab's engine.  The package itself imports nothing,
since the sandbox's first process imports it too, and pays for every import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import DockerClient

__version__ = "0.1.0"
__all__ = ["__version__", "connect"]


def connect(socket: str | None = None) -> DockerClient:
    """Return a docker-py client of the lab's engine.

    `socket` is the path of the engine's socket; by default the one that `DOCKER_HOST` names, or
    the lab's own.  Raises docker.errors.DockerException if no engine answers there.
    """
    from lab.client import connect as connect_client

    return connect_client(socket)
