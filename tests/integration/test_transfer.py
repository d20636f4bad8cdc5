"""Pull, login and push through the genuine clients, against the lab's Hub."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator

import docker
import pytest
from docker.errors import ImageNotFound

from lab.sandbox.process import EngineProcess

from .images_of import PASSWORD, Connection, build, cleaned, make_account

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def clean(client: docker.DockerClient) -> Iterator[None]:
    with cleaned(client):
        yield


@pytest.fixture
def alice(engine: EngineProcess) -> dict[str, str]:
    return make_account(engine, "alice")


def test_the_loop_of_push_and_pull(
    client: docker.DockerClient, cli: Cli, alice: dict[str, str]
) -> None:
    """Is what was built pushed after a login, and pulled again as the same image?"""
    image, _ = build(client, "FROM busybox\nCOPY a /a\n", {"a": "hello"}, tag="alice/loop")
    denied = cli("push", "alice/loop")
    assert denied.returncode == 1
    assert "denied: requested access to the resource is denied" in denied.stderr
    login = cli("login", "-u", "alice", "--password-stdin", input=PASSWORD)
    assert "Login Succeeded" in login.stdout
    pushed = cli("push", "alice/loop")
    assert pushed.returncode == 0, pushed.stderr
    assert "The push refers to repository [docker.io/alice/loop]" in pushed.stdout
    assert "Mounted from library/busybox" in pushed.stdout
    assert ": Pushed" in pushed.stdout
    digest = pushed.stdout.rpartition("digest: ")[2].split()[0]
    client.images.remove("alice/loop")
    with pytest.raises(ImageNotFound):
        client.images.get("alice/loop")
    pulled = cli("pull", "alice/loop")
    assert f"Digest: {digest}" in pulled.stdout
    assert "Already exists" in pulled.stdout
    assert "Status: Downloaded newer image for alice/loop:latest" in pulled.stdout
    assert client.images.get("alice/loop").id == image.id
    assert client.containers.run("alice/loop", "cat /a", remove=True) == b"hello"
    assert "Image is up to date for alice/loop:latest" in cli("pull", "alice/loop").stdout


def test_a_wrong_password_is_refused(cli: Cli, alice: dict[str, str]) -> None:
    """Does login fail with Docker's words?"""
    done = cli("login", "-u", "alice", "--password-stdin", input="guess")
    assert done.returncode == 1
    assert "unauthorized: incorrect username or password" in done.stderr


def test_another_users_name_is_denied(
    client: docker.DockerClient, alice: dict[str, str], engine: EngineProcess
) -> None:
    """May nobody push under a name that is not his?"""
    make_account(engine, "bobby")
    for name in ("bobby/app", "library/app"):
        client.images.get("busybox").tag(name)
        lines = client.images.push(name, tag="latest", auth_config=alice, stream=True, decode=True)
        assert list(lines)[-1]["error"] == "denied: requested access to the resource is denied"


def test_after_logout_nothing_is_pushed(
    client: docker.DockerClient, cli: Cli, alice: dict[str, str]
) -> None:
    """Does logout take the right away?"""
    client.images.get("busybox").tag("alice/box")
    cli("login", "-u", "alice", "--password-stdin", input=PASSWORD)
    assert cli("push", "alice/box").returncode == 0
    cli("logout")
    assert cli("push", "alice/box").returncode == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nosuch-image", "pull access denied for nosuch-image, repository does not exist"),
        ("nginx:nosuch", "manifest for nginx:nosuch not found: manifest unknown"),
        ("alice/nosuch", "pull access denied for alice/nosuch, repository does not exist"),
        ("scratch", "'scratch' is a reserved name"),
        ("127.0.0.1:1/x", "connection refused"),
    ],
)
def test_unknown_images_are_told_quickly(
    cli: Cli, alice: dict[str, str], name: str, message: str
) -> None:
    """Is the message Docker's, and does it not take long?"""
    started = time.monotonic()
    done = cli("pull", name)
    assert done.returncode == 1
    assert message in done.stderr
    assert time.monotonic() - started < 15


def test_events_tell_what_was_transferred(
    client: docker.DockerClient, alice: dict[str, str]
) -> None:
    """Do the events of pull and push hold the digest and the image?"""
    since = int(time.time())
    image = client.images.pull("busybox", "latest")
    image.tag("alice/told", "1")
    client.images.push("alice/told", tag="1", auth_config=alice)
    events = list(
        client.events(
            since=since, until=int(time.time()) + 1, decode=True, filters={"type": "image"}
        )
    )
    seen = {event["Action"]: event["Actor"]["Attributes"] for event in events}
    digest = next(each for each in image.attrs["RepoDigests"] if each.startswith("busybox@"))
    assert seen["pull"]["digest"] == seen["push"]["digest"] == digest.partition("@")[2]
    assert seen["push"]["repository"] == "docker.io/alice/told"
    assert seen["push"]["image"] == seen["pull"]["image"] == image.id
    assert seen["tag"]["name"] == "alice/told:1"


def test_what_a_registry_has_is_looked_up(client: docker.DockerClient) -> None:
    """Does docker-py get digest and platform of a name without pulling it?"""
    data = client.images.get_registry_data("nginx")
    assert data.id.startswith("sha256:")
    image = client.images.get("nginx")
    assert data.has_platform(f"linux/{image.attrs['Architecture']}")
    assert not data.has_platform("linux/s390x")


def test_a_container_for_another_machine(client: docker.DockerClient, cli: Cli) -> None:
    """Is an image that is not of the wanted platform refused, in Docker's words, not run?"""
    own = client.images.get("busybox").attrs["Architecture"]
    assert cli("run", "--rm", "--platform", f"linux/{own}", "busybox", "true").returncode == 0
    told = cli("run", "--rm", "--platform", "linux/s390x", "busybox", "true")
    assert told.returncode == 125
    assert (
        "Error response from daemon: image with reference busybox was found but does not match the "
        f"specified platform: wanted linux/s390x, actual: linux/{own}"
    ) in told.stderr


def test_a_client_that_leaves_harms_nobody(
    client: docker.DockerClient, engine: EngineProcess
) -> None:
    """Does the engine go on when clients hang up as soon as they have asked for a pull?"""
    for _ in range(5):
        connection = Connection(str(engine.socket))
        connection.request("POST", "/v1.47/images/create?fromImage=redis&tag=latest")
        connection.sock.close()
        connection.close()
    assert client.images.pull("busybox", "latest").tags


def test_a_crash_during_a_pull_leaves_nothing_half_done(
    own_engine: Callable[[], EngineProcess],
) -> None:
    """Is an image whole or not there after the engine was killed, and pulled well afterwards?"""
    for pause in (0.0, 0.1, 0.2):
        engine = own_engine()
        connection = Connection(str(engine.socket))
        connection.request("POST", "/v1.47/images/create?fromImage=nginx&tag=latest")
        time.sleep(pause)
        engine.process.kill()
        engine.process.wait()
        connection.close()
        again = own_engine()
        with contextlib.closing(docker.DockerClient(base_url=again.host)) as client:
            client.images.pull("nginx", "latest")
            assert client.containers.run("nginx", "nginx -v", remove=True, stderr=True)
            client.images.remove("nginx")
            assert client.images.list(all=True) == []
        again.stop()
