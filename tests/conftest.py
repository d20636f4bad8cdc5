"""What all suites share: the catalog, engines to talk to, clients of them."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from hypothesis import HealthCheck, settings

from lab.catalog.stamp import is_complete
from lab.sandbox import process, reset
from lab.sandbox.process import EngineProcess
from lab.sandbox.vm.engine_machine import prepare_snapshot
from lab.sandbox.vm.parts import Parts
from tests.integration import host

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".lab-test"
"""LAB_HOME of the tests: nothing of the user's own lab is touched."""

SANDBOX = os.environ.get("LAB_TEST_SANDBOX", "auto")
"""Where engines of the tests live; with `vm` the suites judge the one in the microVM."""

PATIENCE = 8.0 if SANDBOX == "vm" else 1.0
"""How much longer things may take: an emulated processor is slow."""

START_LIMIT = 150.0
"""Seconds; a guest that starts from the beginning on a busy machine needs some."""

GUESTS_HOST = "10.0.2.2"
"""The machine around a guest, in QEMU's user network."""

Start = Callable[..., EngineProcess]


# the machine may be busy: slowness is no failure here
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes long; only part of `make test-all`")


@pytest.fixture(scope="session")
def catalog() -> Path:
    """The official images, made by `lab setup` unless an earlier run has made them.

    Those in $LAB_TEST_CATALOG are taken as they are.
    """
    named = os.environ.get("LAB_TEST_CATALOG")
    folder = Path(named) if named else HOME / "catalog"
    if not named and not is_complete(folder):
        from lab.cli import main

        os.environ["LAB_HOME"] = str(HOME)
        try:
            assert main(["setup"]) == 0
        finally:
            del os.environ["LAB_HOME"]
    return folder


@pytest.fixture(scope="session")
def vm_home(catalog: Path) -> Path:
    """A LAB_HOME with the microVM's parts, made by `lab setup`, and a saved guest of today."""
    home = Path(os.environ.get("LAB_TEST_VM", HOME))
    parts = Parts(home / "vm")
    if parts.whats_wrong():
        from lab.cli import main

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAB_HOME", str(home))
            assert main(["setup"]) == 0
    if wrong := parts.whats_wrong():
        pytest.skip(f"no microVM here: {wrong}")
    prepare_snapshot(parts, os.environ["PATH"])
    return home


@pytest.fixture(scope="session")
def start_vm(vm_home: Path, catalog: Path) -> Start:
    """Starts an engine in a guest: `start_vm(root, socket)`."""

    def start(root: Path, socket: Path) -> EngineProcess:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAB_HOME", str(vm_home))
            return process.start(root, socket, sandbox="vm", catalog=catalog, limit=START_LIMIT)

    return start


@pytest.fixture(scope="session")
def start_engine(catalog: Path, request: pytest.FixtureRequest) -> Start:
    """Starts an engine in the sandbox that is tested: `start_engine(root, socket)`."""
    if SANDBOX == "vm":
        started: Start = request.getfixturevalue("start_vm")
        return started

    def start(root: Path, socket: Path) -> EngineProcess:
        return process.start(root, socket, catalog=catalog, sandbox=SANDBOX)

    return start


@pytest.fixture(scope="session")
def short_tmp() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def engine(start_engine: Start, short_tmp: Path) -> Iterator[EngineProcess]:
    """An engine for tests that leave nothing behind, with `busybox`, `debian` and `nginx` pulled."""
    root = short_tmp / "shared"
    running = start_engine(root, short_tmp / "shared.sock")
    client = docker.DockerClient(base_url=running.host)
    for name in ("busybox", "debian", "nginx"):
        client.images.pull(name, "latest")
    client.close()
    yield running
    code = running.stop()
    reset.remove(root)
    assert code == 0


@pytest.fixture
def client(engine: EngineProcess) -> Iterator[docker.DockerClient]:
    """docker-py; containers that the test made are removed afterwards."""
    made = docker.DockerClient(base_url=engine.host)
    before = {each.id for each in made.containers.list(all=True, ignore_removed=True)}
    yield made
    for each in made.containers.list(all=True, ignore_removed=True):
        if each.id not in before:
            with_force = {"force": True, "v": True}
            try:
                each.remove(**with_force)
            except docker.errors.NotFound:
                pass
    made.close()


@pytest.fixture
def one_kernel(engine: EngineProcess) -> None:
    """For tests that look at the engine's processes from outside; elsewhere they are skipped."""
    host.require_one_kernel(engine)


@pytest.fixture
def loopback(engine: EngineProcess) -> str:
    """The address at which the engine reaches servers on this machine's loopback interface."""
    return "127.0.0.1" if host.is_around(engine) else GUESTS_HOST


@pytest.fixture
def own_engine(
    start_engine: Start, short_tmp: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[], EngineProcess]]:
    """A function that starts an engine of the test's own, again and again on the same folder."""
    name = f"own{abs(hash(request.node.nodeid)) % 10**8}"
    root = short_tmp / name
    started: list[EngineProcess] = []

    def start() -> EngineProcess:
        started.append(start_engine(root, short_tmp / f"{name}.sock"))
        return started[-1]

    yield start
    for each in started:
        each.stop()
    reset.remove(root)


@pytest.fixture
def cli(engine: EngineProcess, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The genuine docker CLI: `cli("ps", "-a")`; the result has returncode, stdout, stderr."""

    def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
        return docker_cli(engine, tmp_path, *words, **options)

    return run


def cli_environ(engine: EngineProcess, folder: Path) -> dict[str, str]:
    """The environment of a terminal of the lab."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DOCKER_HOST": engine.host,
        "DOCKER_CONFIG": str(folder / ".docker"),
        "DOCKER_CLI_DISABLE_OAUTH_LOGIN": "1",
        "DOCKER_BUILDKIT": "0",
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }


def docker_cli(
    engine: EngineProcess, folder: Path, *words: str, **options: object
) -> subprocess.CompletedProcess[str]:
    """Run the CLI to its end, within a minute."""
    settings: dict[str, object] = {
        "capture_output": True,
        "text": True,
        "timeout": 60 * PATIENCE,
        **options,
    }
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        ["docker", *words], env=cli_environ(engine, folder), cwd=folder, **settings
    )


def free_port() -> int:
    """A TCP port that nobody has at the moment."""
    with socket.create_server(("", 0)) as probe:
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], limit: float = 10.0, what: str = "") -> object:
    """Wait until `condition` gives something true, and return it; fail after `limit` seconds.

    An engine in the microVM is given more time.
    """
    limit *= PATIENCE
    end = time.monotonic() + limit
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            pytest.fail(f"not within {limit} seconds: {what or condition}")
        time.sleep(0.02)
