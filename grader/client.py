"""A docker-py client, and the one call of the lab's extension that changes something."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import requests
from docker.errors import DockerException

from grader.errors import EngineUnreachable, NotTheLabs
from grader.student import Student

_SECONDS = 10
_DEFAULT_HOST = "unix:///var/run/docker.sock"
_ACCOUNTS = "/lab/v1/accounts"
_NO_SUCH_ROUTE = 404


@contextmanager
def connected(host: str | None) -> Iterator[docker.DockerClient]:
    """Connect to an engine for the time of the block; None means what the docker CLI would take.

    Raises EngineUnreachable if none answers.
    """
    settings = docker.utils.kwargs_from_env() if host is None else {"base_url": host}
    try:
        _knock(settings.get("base_url", _DEFAULT_HOST))
        client = docker.DockerClient(**settings, timeout=_SECONDS)
    except (DockerException, requests.RequestException, OSError) as error:
        raise EngineUnreachable(
            "no engine answers", hint="start the lab with `lab start`, or `make lab`"
        ) from error
    try:
        yield client
    finally:
        client.close()


def make_account(client: docker.DockerClient, student: Student) -> None:
    """Make the Hub account of an exercise; one that is there already with this password will do.

    Raises NotTheLabs if this is not the lab's engine, EngineUnreachable if it refuses.
    """
    wanted = {"name": student.account, "password": student.password}
    try:
        answer = client.api.post(
            client.api.base_url + _ACCOUNTS, json=wanted, timeout=client.api.timeout
        )
    except (requests.RequestException, OSError) as error:
        raise EngineUnreachable("the engine does not answer", hint="start the lab again") from error
    if answer.status_code == _NO_SUCH_ROUTE:
        raise NotTheLabs(
            "only the lab's own engine has a Hub with accounts",
            hint="use a notebook of the lab: it is connected to the lab's own engine",
        )
    if answer.status_code not in (200, 201):
        raise EngineUnreachable(
            f"the account {student.account} cannot be made: the engine answered"
            f" {answer.status_code}",
            hint="start the lab again",
        )


def _knock(host: str) -> None:
    """Raise OSError if nobody listens: docker-py would leave its socket open then."""
    if host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_SECONDS)
            probe.connect(host.removeprefix("unix://"))
