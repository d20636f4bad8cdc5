"""Pushes to and pulls from a registry that fails, through the genuine CLI: words, and what is left."""

from __future__ import annotations

import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import docker
import pytest

from lab.sandbox.process import EngineProcess
from tests.conftest import cli_environ, until

from . import faulty_registry as faulty
from .faulty_registry import Fault, Registry
from .images_of import build, cleaned

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
_SIZE = 200_000
_LONG = 30


@pytest.fixture
def registry() -> Iterator[Registry]:
    with faulty.registry() as running:
        yield running


@pytest.fixture(autouse=True)
def clean(client: docker.DockerClient) -> Iterator[None]:
    with cleaned(client):
        yield


@pytest.fixture
def content(engine: EngineProcess) -> Callable[[], set[str]]:
    """What the engine's content store holds, finished or not."""
    folder = Path(engine.host.removeprefix("unix://")).parent / "shared" / "content"
    return lambda: {str(path) for path in folder.rglob("*") if path.is_file()}


def make(client: docker.DockerClient, name: str) -> None:
    """Make an image with one layer of its own, which does not shrink when it is compressed."""
    noise = random.Random(name).randbytes(_SIZE // 2).hex()
    build(client, "FROM scratch\nCOPY noise /\n", {"noise": noise}, tag=name)


def pushed(client: docker.DockerClient, cli: Cli, registry: Registry, path: str) -> str:
    """Push a new image, and forget it here; return its name."""
    name = f"{registry.address}/{path}:1"
    make(client, name)
    assert cli("push", name).returncode == 0
    client.images.remove(name)
    return name


PULLS: dict[str, list[Fault]] = {
    "t/cut": [faulty.cut],
    # a connection that was in use before is tried once more at once
    "t/died": [faulty.die, faulty.die],
    "t/failed": [faulty.refuse(500)],
    "t/lied": [faulty.cut, faulty.lie],
}
"""What comes in place of a layer, by the repository's name."""

PUSHES: dict[str, tuple[str, Fault]] = {
    "u/died": ("PATCH blobs", faulty.die),
    "u/busy": ("POST blobs", faulty.refuse(503)),
    "u/unproved": ("PUT blobs", faulty.refuse(500)),
}


def test_what_failed_once_is_tried_again(
    client: docker.DockerClient, cli: Cli, registry: Registry, engine: EngineProcess, tmp_path: Path
) -> None:
    """After a server that died, or failed, midway: is the wait counted, and all done in the end?"""
    names = {path: pushed(client, cli, registry, path) for path in PULLS}
    for path, faults in PULLS.items():
        # the configuration comes first, and is well
        registry.faults[path, "GET blobs"] = [_well, *faults]
    for path, (request, fault) in PUSHES.items():
        names[path] = f"{registry.address}/{path}:1"
        make(client, names[path])
        registry.faults[path, request] = [fault]
    registry.asked.clear()
    with ExitStack() as stack:
        running = {
            path: stack.enter_context(
                subprocess.Popen(
                    ["docker", "pull" if path in PULLS else "push", name],
                    env=cli_environ(engine, tmp_path),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            for path, name in names.items()
        }
        said = {path: process.communicate(timeout=_LONG)[0] for path, process in running.items()}
    for path, process in running.items():
        assert process.returncode == 0, f"{path}: {said[path]}"
        for seconds in ("5 seconds", "4 seconds", "1 second\n"):
            assert f"Retrying in {seconds}" in said[path], f"{path}: {said[path]}"
    half = registry.ranges("t/cut")[-1]
    assert half.startswith("bytes=") and half != "bytes=0-"
    assert registry.ranges("t/died")[-1] == ""
    # what was put together wrongly was fetched anew
    assert registry.ranges("t/lied")[-1] == ""
    assert all(f"{path}:1" in registry.manifests for path in PUSHES)
    for path in PULLS:
        assert client.images.get(names[path])


def _well(answering: faulty.Answering, content: bytes) -> None:
    answering.give("blobs", content)


@pytest.mark.parametrize(
    ("request_", "faults", "message"),
    [
        (
            "GET manifests",
            [faulty.refuse(500)],
            "received unexpected HTTP status: 500 Internal Server Error",
        ),
        (
            "GET manifests",
            [faulty.refuse(429, "TOOMANYREQUESTS", "You have reached your pull rate limit.")],
            "toomanyrequests: You have reached your pull rate limit.",
        ),
        ("GET blobs", [_well, faulty.refuse(429)], "toomanyrequests: too many requests"),
        ("GET blobs", [_well, faulty.refuse(404)], "unknown blob"),
        (
            "GET blobs",
            [_well, faulty.lie],
            "filesystem layer verification failed for digest sha256:",
        ),
        (
            "GET blobs",
            [_well, faulty.shorten],
            "filesystem layer verification failed for digest sha256:",
        ),
        (
            "GET blobs",
            [faulty.lie],
            "error pulling image configuration: image config verification failed for digest sha256:",
        ),
        (
            "GET blobs",
            [faulty.refuse(404)],
            "error pulling image configuration: download failed after attempts=1: unknown blob",
        ),
    ],
)
def test_a_pull_that_fails_leaves_nothing(
    client: docker.DockerClient,
    cli: Cli,
    registry: Registry,
    content: Callable[[], set[str]],
    request_: str,
    faults: list[Fault],
    message: str,
) -> None:
    """Is the error told in Docker's words at once, nothing left, and the next pull well?"""
    name = pushed(client, cli, registry, "v/app")
    before = content()
    registry.faults["v/app", request_] = list(faults)
    done = cli("pull", name)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Retrying" not in done.stdout
    assert content() == before
    assert cli("pull", name).returncode == 0


def test_a_pull_given_up_while_it_waits_leaves_nothing(
    client: docker.DockerClient,
    cli: Cli,
    registry: Registry,
    content: Callable[[], set[str]],
    engine: EngineProcess,
    tmp_path: Path,
) -> None:
    """After Ctrl-C between two attempts: is the half that was there gone?"""
    name = pushed(client, cli, registry, "w/app")
    before = content()
    registry.faults["w/app", "GET blobs"] = [_well, faulty.cut]
    with subprocess.Popen(
        ["docker", "pull", name],
        env=cli_environ(engine, tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "Retrying" not in process.stdout.readline():
            assert process.poll() is None
        assert content() != before
        process.send_signal(signal.SIGINT)
    until(lambda: content() == before, 10, "the half layer to be removed")


def test_a_push_that_fails_tells_why(
    client: docker.DockerClient, cli: Cli, registry: Registry
) -> None:
    """Is a refused manifest or layer told in Docker's words, without a second attempt?"""
    name = f"{registry.address}/x/app:1"
    make(client, name)
    denied = faulty.refuse(403, "DENIED", "requested access to the resource is denied")
    for request, fault, message in (
        ("POST blobs", denied, "denied: requested access to the resource is denied"),
        ("PUT manifests", faulty.refuse(500), "received unexpected HTTP status: 500 Internal"),
        (
            "PUT manifests",
            faulty.refuse(400, "MANIFEST_INVALID", "manifest invalid"),
            "manifest invalid: manifest invalid",
        ),
    ):
        registry.faults["x/app", request] = [fault]
        done = cli("push", name)
        assert done.returncode == 1
        assert message in done.stderr and "Retrying" not in done.stdout
    assert cli("push", name).returncode == 0


def test_a_registry_that_is_gone_is_told_at_once(client: docker.DockerClient, cli: Cli) -> None:
    """Does a push to nobody end without waiting, in Docker's words?"""
    client.images.get("busybox").tag("127.0.0.1:1/app")
    done = cli("push", "127.0.0.1:1/app", timeout=4)
    client.images.remove("127.0.0.1:1/app")
    assert done.returncode == 1
    refused = "dial tcp 127.0.0.1:1: connect: connection refused"
    assert f'Get "http://127.0.0.1:1/v2/": {refused}' in done.stderr


def test_search_at_a_registry_that_does_not_search(cli: Cli, registry: Registry) -> None:
    """Is another registry asked by its name, and its refusal told as Docker tells it?"""
    done = cli("search", f"{registry.address}/app")
    assert done.returncode == 1
    assert "Unexpected status code 404" in done.stderr
