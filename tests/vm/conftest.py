"""What the tests of the microVM share: its parts, engines in it, commands that look into it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from lab.sandbox import process
from lab.sandbox.process import EngineProcess
from lab.sandbox.vm.parts import Parts
from tests.conftest import START_LIMIT, Start
from tests.vm.looking import Guest


def start_in(home: Path, folder: Path) -> EngineProcess:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_HOME", str(home))
        root, sock = folder / "root", folder / "s"
        return process.start(root, sock, sandbox="vm", limit=START_LIMIT)


@pytest.fixture(scope="session")
def engine(start_vm: Start, short_tmp: Path) -> Iterator[EngineProcess]:
    """An engine in a guest for tests that leave nothing behind, with three images pulled."""
    running = start_vm(short_tmp / "vm", short_tmp / "vm.sock")
    try:
        client = docker.DockerClient(base_url=running.host)
        for name in ("busybox", "debian", "nginx"):
            client.images.pull(name, "latest")
        client.close()
        yield running
    finally:
        code = running.stop()
    assert code == 0


@pytest.fixture
def home(vm_home: Path, short_tmp: Path) -> Iterator[Path]:
    """A LAB_HOME of the test's own: the parts are links, the saved guest is a copy."""
    made = short_tmp / "home"
    (made / "vm").mkdir(parents=True)
    for path in (vm_home / "vm").iterdir():
        if path.name == "snapshot":
            (made / "vm" / "snapshot").mkdir()
            for saved in path.iterdir():
                command = ["cp", "--sparse=always", saved, made / "vm" / "snapshot"]
                subprocess.run(command, check=True)
        elif not path.name.startswith("."):
            (made / "vm" / path.name).symlink_to(path)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def folder(short_tmp: Path) -> Iterator[Path]:
    made = short_tmp / "launcher"
    made.mkdir()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def own_vm(
    start_vm: Start, short_tmp: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[], EngineProcess]]:
    """A function that starts an engine of the test's own, again and again on the same folder."""
    name = f"vm{abs(hash(request.node.nodeid)) % 10**8}"
    started: list[EngineProcess] = []

    def start() -> EngineProcess:
        started.append(start_vm(short_tmp / name, short_tmp / f"{name}.sock"))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture(scope="module")
def guest(vm_home: Path) -> Iterator[Guest]:
    """A guest without a learner's disk, to run commands in."""
    with Guest(Parts(vm_home / "vm")) as running:
        yield running


@pytest.fixture
def called() -> Iterator[tuple[int, list[bytes]]]:
    """A port of the host's loopback, and the beginnings of what comes there."""
    heard: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                heard.append(connection.recv(3))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1], heard
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(10)
