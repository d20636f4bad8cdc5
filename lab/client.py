"""A docker-py client of the lab's engine, for notebooks, widgets and scripts."""

from __future__ import annotations

import docker
from docker.errors import DockerException

from lab.config import Config


def connect(socket: str | None = None) -> docker.DockerClient:
    """Return a client of the engine at `socket`.

    By default that is what `DOCKER_HOST` names, as for the docker CLI, else the socket of the
    lab's own engine.  Raises DockerException, saying what to do, if no engine answers there.
    """
    settings = _settings(socket)
    address = settings["base_url"]
    try:
        return docker.DockerClient(**settings)
    except DockerException as error:
        raise DockerException(
            f"no engine answers at {address}: start the lab with `lab start` ({error})"
        ) from error


def _settings(socket: str | None) -> dict[str, object]:
    if socket is not None:
        return {"base_url": f"unix://{socket}"}
    given: dict[str, object] = docker.utils.kwargs_from_env()
    return {"base_url": f"unix://{Config.from_environ().socket}"} | given
