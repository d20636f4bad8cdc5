"""A docker-py client of the engine that the lab uses, for notebooks, widgets and scripts."""

from __future__ import annotations

import socket
from pathlib import Path

import docker
from docker.errors import DockerException
from requests import RequestException

from lab.config import Config
from lab.errors import InvalidParameter, Unavailable

_SCHEME = "unix://"
_LIMIT = 5.0


def connect(socket: str | None = None) -> docker.DockerClient:
    """Return a client of the engine at `socket`.

    By default that is what `DOCKER_HOST` names, as for the docker CLI, else the engine that the
    lab uses.  Raises DockerException, saying what to do, if no engine answers there.
    """
    config = Config.from_environ()
    settings = _settings(socket, config)
    address = str(settings["base_url"])
    try:
        if address.startswith(_SCHEME):
            _knock(address.removeprefix(_SCHEME))
        return docker.DockerClient(**settings)
    except (DockerException, OSError) as error:
        own = address != config.docker_host
        advice = "start the lab with `lab start`" if own else "start that Docker Engine again"
        raise DockerException(f"no engine answers at {address}: {advice} ({error})") from error


def check_docker_host(address: str) -> str:
    """Return `address` if it may be that of a learner's own Docker Engine; InvalidParameter.

    Only a socket of this machine may: ports that containers publish must be ports of this machine.
    """
    path = address.removeprefix(_SCHEME)
    if address.startswith("/"):
        raise InvalidParameter(
            f"not an address of a Docker Engine: {address}", hint=f"write {_SCHEME}{address}"
        )
    if not address.startswith(_SCHEME):
        raise InvalidParameter(
            f"not an address of a Docker Engine on this machine: {address}",
            hint="give its socket, such as unix:///var/run/docker.sock; an engine elsewhere would"
            " publish ports elsewhere",
        )
    if not Path(path).is_absolute():
        raise InvalidParameter(
            f"the path of a socket must begin with a slash: {address}",
            hint="such as unix:///var/run/docker.sock",
        )
    return address


def name_engine(address: str) -> str:
    """Return the name and version of the engine at a unix socket; Unavailable if none answers."""
    try:
        _knock(address.removeprefix(_SCHEME))
        client = docker.DockerClient(base_url=address, timeout=_LIMIT)
        try:
            told = client.version()
        finally:
            client.close()
    except (DockerException, RequestException, OSError, ValueError) as error:
        raise Unavailable(
            f"no Docker Engine answers at {address}: {_reason(error)}", hint=_hint(error)
        ) from error
    name = (told.get("Platform") or {}).get("Name") or "Docker Engine"
    return f"{name} {told['Version']}"


def _settings(socket: str | None, config: Config) -> dict[str, object]:
    if socket is not None:
        return {"base_url": f"{_SCHEME}{socket}"}
    given: dict[str, object] = docker.utils.kwargs_from_env()
    return {"base_url": config.engine_host} | given


def _knock(path: str) -> None:
    """Raise OSError if nobody listens: docker-py would wrap that, and leave its socket open."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_LIMIT)
        probe.connect(path)


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _hint(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "your user may not use that socket: Docker's documentation says to join the group docker"
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return "start Docker first, or see with `docker context ls` where it listens"
    return ""
