"""Three people on one JupyterHub: each has an engine of one's own."""

from __future__ import annotations

import contextlib
import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from ..conftest import until
from .hub import RunningHub, running_hub

pytestmark = pytest.mark.timeout(240)

USERS = ("ann", "bo", "cy")


@pytest.fixture(scope="module")
def hub(short_tmp: Path, catalog: Path) -> Iterator[RunningHub]:
    """A hub on which all three have a server with an engine that answers."""
    with running_hub(short_tmp / "hub", catalog) as hub:
        for user in USERS:
            hub.start_server(user)
        for user in USERS:
            until(
                lambda user=user: hub.engine(user).get("state") == "ready", 120, f"{user}'s engine"
            )
        yield hub


@pytest.fixture
def clients(hub: RunningHub) -> Iterator[dict[str, docker.DockerClient]]:
    """A docker-py client for each user, with busybox and nginx to be run; nothing is left running."""
    with contextlib.ExitStack() as stack:
        made = {}
        for user in USERS:
            client = docker.DockerClient(base_url=hub.docker_host(user))
            stack.callback(client.close)
            client.images.pull("nginx", "latest")
            made[user] = client
        yield made
        for client in made.values():
            for container in client.containers.list(all=True):
                container.remove(force=True)


def test_each_finds_the_lessons(hub: RunningHub) -> None:
    """Has each user an own copy of the lessons, as the server's root?"""
    for user in USERS:
        told = json.loads(hub.ask(f"user/{user}/api/contents/en"))
        assert "02_first_container.ipynb" in [each["name"] for each in told["content"]]
        assert (hub.home(user) / "work/en/02_first_container.ipynb").is_file()


def test_containers_are_ones_own(clients: dict[str, docker.DockerClient]) -> None:
    """Does nobody see, or get at, a container of somebody else, even under the same name?"""
    for user, client in clients.items():
        client.containers.run("nginx", ["sleep", "600"], name="mine", detach=True, hostname=user)
    ids = {client.containers.get("mine").id for client in clients.values()}
    assert len(ids) == len(USERS)
    for user, client in clients.items():
        assert [each.name for each in client.containers.list()] == ["mine"]
        assert client.containers.get("mine").exec_run("hostname").output.decode().strip() == user
    clients["ann"].containers.get("mine").remove(force=True)
    assert clients["bo"].containers.get("mine").status == "running"


def test_port_that_a_neighbour_has(
    hub: RunningHub, clients: dict[str, docker.DockerClient]
) -> None:
    """Is a taken port told in Docker's words, and does another one lead to the right page?"""
    ports = dict(zip(USERS, (18080, 18081, 18082), strict=True))
    for user, client in clients.items():
        web = client.containers.run("nginx", name="web", detach=True, ports={"80/tcp": ports[user]})
        page = f"echo page of {user} > /usr/share/nginx/html/index.html"
        assert web.exec_run(["sh", "-c", page]).exit_code == 0
    for user in USERS:
        page = f"page of {user}"
        until(lambda user=user, page=page: page in _page(hub, user, ports[user]), 15, page)
    with pytest.raises(docker.errors.APIError, match="already"):
        clients["bo"].containers.run("nginx", detach=True, ports={"80/tcp": ports["ann"]})


def test_servers_are_ones_own(hub: RunningHub) -> None:
    """Can a user's token not open another user's server, nor no token at all any?"""
    told = json.loads(hub.ask("hub/api/users/ann/tokens", body={"note": "test"}))
    assert json.loads(hub.ask("user/ann/lab/engine", token=told["token"]))["state"] == "ready"
    for user, token in (("bo", told["token"]), ("ann", "nonsense")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            hub.ask(f"user/{user}/lab/engine", token=token)
        assert refused.value.code in (403, 404)
        refused.value.close()


def test_engine_ends_with_its_server(hub: RunningHub) -> None:
    """When a user's server is stopped, does that engine end, and do the others go on?"""
    hub.stop_server("cy")
    socket = Path(hub.docker_host("cy").removeprefix("unix://"))
    until(lambda: not socket.exists(), 30, "cy's engine ended")
    assert hub.engine("ann")["state"] == "ready"
    hub.start_server("cy")
    until(lambda: hub.engine("cy").get("state") == "ready", 90, "cy's engine is back")


def _page(hub: RunningHub, user: str, port: int) -> str:
    try:
        return hub.ask(f"user/{user}/proxy/{port}/").decode()
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code}"
