"""A docker-py client, and the one call of the lab's extension that changes something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import docker
import requests
from docker.errors import DockerException

from grader.errors import EngineUnreachable
from grader.student import Student

_SECONDS = 10
_ACCOUNTS = "/lab/v1/accounts"


@contextmanager
def connected(host: str | None) -> Iterator[docker.DockerClient]:
    """Connect to an engine for the time of the block; None means what the docker CLI would take.

    Raises EngineUnreachable if none answers.
    """
    try:
        if host is None:
            client = docker.from_env(timeout=_SECONDS)
        else:
            client = docker.DockerClient(base_url=host, timeout=_SECONDS)
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

    Raises EngineUnreachable if this is not the lab's engine, or refuses.
    """
    wanted = {"name": student.account, "password": student.password}
    try:
        answer = client.api.post(
            client.api.base_url + _ACCOUNTS, json=wanted, timeout=client.api.timeout
        )
    except (requests.RequestException, OSError) as error:
        raise EngineUnreachable("the engine does not answer", hint="start the lab again") from error
    if answer.status_code not in (200, 201):
        raise EngineUnreachable(
            f"the account {student.account} cannot be made: the engine answered"
            f" {answer.status_code}",
            hint="use a notebook of the lab: it is connected to the lab's own engine",
        )
