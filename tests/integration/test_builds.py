"""Builds through the CLI and docker-py, in real containers."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, BuildError

from lab.sandbox.process import EngineProcess
from tests.conftest import cli_environ, until

from .images_of import Connection, build, cleaned, context

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def clean(client: docker.DockerClient) -> Iterator[None]:
    with cleaned(client):
        yield


def test_a_dockerfile_becomes_an_image(client: docker.DockerClient) -> None:
    """Do files, settings and commands of a Dockerfile arrive in the container?"""
    dockerfile = """FROM busybox
LABEL course=lab
ENV NAME=world GREETING="hello $NAME"
WORKDIR /srv/app
COPY app.sh ./
RUN chmod +x app.sh && echo built > /built && echo learner:x:1234:1234::/:/bin/sh >> /etc/passwd
USER learner
EXPOSE 8080
ENTRYPOINT ["./app.sh"]
CMD ["default"]
"""
    script = '#!/bin/sh\necho "$GREETING" $1 $(id -u) $(pwd) $(cat /built)\n'
    image, _ = build(client, dockerfile, {"app.sh": script}, tag="app")
    output = client.containers.run("app", remove=True)
    assert output == b"hello  default 1234 /srv/app built\n"
    assert client.containers.run("app", "given", remove=True).split()[1] == b"given"
    config = image.attrs["Config"]
    assert config["Labels"] == {"course": "lab"}
    assert config["ExposedPorts"] == {"8080/tcp": {}}
    assert config["User"] == "learner"


def test_layers_hold_only_what_the_step_changed(client: docker.DockerClient) -> None:
    """Is a mount point of the engine's never part of an image, and a deletion always?"""
    build(client, "FROM busybox\nRUN rm /etc/passwd && mkdir /new\n", tag="small")
    diff = client.containers.create("small", "true").diff()
    assert not diff
    container = client.containers.run("small", "sleep 1000", detach=True)
    assert container.exec_run("ls /etc/passwd").exit_code == 1
    assert container.exec_run("ls -d /new").exit_code == 0
    history = client.images.get("small").history()
    assert history[0]["Size"] == 0


def test_what_did_not_change_comes_from_the_cache(client: docker.DockerClient) -> None:
    """Does a second build use the cache up to the first change, and none after it?"""
    dockerfile = "FROM busybox\nRUN date > /time\nCOPY a /a\nRUN cat /a\n"
    first, _ = build(client, dockerfile, {"a": "one"})
    again, text = build(client, dockerfile, {"a": "one"})
    assert again.id == first.id
    assert text.count("Using cache") == 3
    _, text = build(client, dockerfile, {"a": "two"})
    assert text.count("Using cache") == 1
    _, text = build(client, dockerfile, {"a": "two"}, nocache=True)
    assert "Using cache" not in text


def test_the_cli_shows_steps_and_errors(cli: Cli, tmp_path: Path) -> None:
    """Does the CLI print each step, and end with the command's exit code in its message?"""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM busybox\nRUN echo out; echo err >&2; exit 7\n")
    done = cli("build", "-t", "failing", str(folder))
    assert done.returncode == 7
    assert "Step 2/2 : RUN echo out; echo err >&2; exit 7" in done.stdout
    assert "out\n" in done.stdout
    assert (
        "The command '/bin/sh -c echo out; echo err >&2; exit 7' returned a non-zero code: 7"
        in done.stderr
    )
    (folder / "Dockerfile").write_text("FROM busybox\nRUN true\n\n\n\n\nFROB x\n")
    done = cli("build", str(folder))
    assert "dockerfile parse error line 7: unknown instruction: FROB" in done.stderr
    assert cli("ps", "-aq", "--filter", "status=created").stdout == ""


def test_a_quiet_build_prints_the_id_alone(cli: Cli, client: docker.DockerClient) -> None:
    """Does `docker build -q -` read a Dockerfile from its input and print just the image's id?"""
    done = cli("build", "-q", "-", input="FROM busybox\nRUN echo not shown\n")
    assert client.images.get(done.stdout.strip()).id == done.stdout.strip()


def test_a_dockerfile_may_come_apart_from_its_context(cli: Cli, tmp_path: Path) -> None:
    """Does `docker build -f - FOLDER` work, whose archive the client leaves without an end?"""
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "a").write_text("found")
    dockerfile = "FROM busybox\nCOPY a /a\nRUN cat /a\n"
    done = cli("build", "-f", "-", str(tmp_path / "context"), input=dockerfile)
    assert "found" in done.stdout, done.stderr


def test_steps_have_the_network_of_containers(client: docker.DockerClient) -> None:
    """Is there an address in RUN, and none with `--network none`?"""
    dockerfile = "FROM busybox\nRUN ip -4 addr show eth0 | grep -q inet\n"
    build(client, dockerfile)
    with pytest.raises(BuildError):
        build(client, dockerfile, network_mode="none", nocache=True)


def test_an_empty_image_is_the_start_of_others(client: docker.DockerClient) -> None:
    """Does `FROM scratch` give an image with nothing but what was copied?"""
    image, _ = build(client, 'FROM scratch\nCOPY a /a\nCMD ["/a"]\n', {"a": "12345"})
    assert image.attrs["Size"] == 5
    assert image.attrs["Parent"] != ""
    assert len(image.attrs["RootFS"]["Layers"]) == 1


def test_a_base_image_is_pulled(client: docker.DockerClient) -> None:
    """Is a base that is not here taken from the Hub, its pull shown in the build?"""
    _, lines = client.images.build(
        fileobj=context(Dockerfile="FROM hello-world\nLABEL a=b\n"), custom_context=True
    )
    statuses = [line.get("status", "") for line in lines]
    assert "Pulling from library/hello-world" in statuses
    with pytest.raises(BuildError, match="pull access denied for nosuch-base"):
        build(client, "FROM nosuch-base\n")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("buildargs=nonsense", "error reading build args"),
        ("labels=%5B%5D", "error reading labels"),
        ("squash=1", "squash is only supported with experimental mode"),
        ("version=2", "set DOCKER_BUILDKIT=0"),
        ("t=UPPER", "must be lowercase"),
        ("dockerfile=missing", "Cannot locate specified Dockerfile: missing"),
        ("remote=https://example.com/x.git", "does not clone git repositories"),
        ("remote=nonsense", "could not be recognized as URL"),
        ("remote=http://127.0.0.1:1/x.tar", "error downloading remote context"),
        ("memory=5", "Minimum memory limit allowed is 6MB"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_said(
    engine: EngineProcess, query: str, message: str
) -> None:
    """Is a wrong parameter an HTTP error with a message?"""
    body = context(Dockerfile="FROM busybox\n").read()
    headers = {"Content-Type": "application/x-tar"}
    with closing(Connection(str(engine.socket))) as connection:
        connection.request("POST", f"/v1.47/build?{query}", body, headers)
        answer = connection.getresponse()
        assert answer.status in (400, 501)
        assert message in json.loads(answer.read())["message"]


@pytest.mark.parametrize("body", [b"", b"garbage" * 200])
def test_a_context_that_is_none_is_refused(client: docker.DockerClient, body: bytes) -> None:
    """Is an unreadable context an error, after which the engine goes on?"""
    with pytest.raises((APIError, BuildError)):
        list(client.api._stream_helper(_post(client, body)))
    assert client.ping()


def _post(client: docker.DockerClient, body: bytes) -> object:
    response = client.api.post(
        client.api._url("/build"), data=body, headers={"Content-Type": "application/x-tar"}
    )
    client.api._raise_for_status(response)
    return response


def test_ctrl_c_ends_the_build_and_its_container(
    engine: EngineProcess, client: docker.DockerClient, tmp_path: Path
) -> None:
    """Is a command that runs on killed and removed when the client goes away?"""
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo begun; sleep 1000\n")
    process = subprocess.Popen(
        ["docker", "build", str(tmp_path)],
        env=cli_environ(engine, tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line == "begun\n":
            break
    assert len(client.containers.list()) == 1
    process.send_signal(signal.SIGINT)
    process.wait(10)
    process.stdout.close()
    until(lambda: not client.api.containers(all=True), what="the step's container is gone")
