"""`lab engine` in the foreground: how it starts, what it says when it cannot, how it ends."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from lab.sandbox import reset
from tests.conftest import ROOT, until

Launch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def launch(short_tmp: Path, catalog: Path, request: pytest.FixtureRequest) -> Iterator[Launch]:
    """Starts `lab engine` on a folder of the test's own; more words and options may be given."""
    name = f"fg{abs(hash(request.node.nodeid)) % 10**8}"
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **options: object) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "lab.cli", "engine", "--catalog", str(catalog)]
        if "--root" not in words:
            argv += ["--root", str(short_tmp / name)]
        if "--socket" not in words:
            argv += ["--socket", str(short_tmp / f"{name}.sock")]
        settings = {
            "stdin": subprocess.DEVNULL,
            "stdout": -1,
            "stderr": -1,
            "text": True,
            **options,
        }
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        started.append(subprocess.Popen([*argv, *words], env=environ, **settings))  # type: ignore[call-overload]
        return started[-1]

    yield start
    for each in started:
        if each.poll() is None:
            each.kill()
        each.communicate()
    reset.remove(short_tmp / name)


def ready(process: subprocess.Popen[str]) -> docker.DockerClient:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return docker.DockerClient(base_url=f"unix://{socket_of(process)}", timeout=30)


def socket_of(process: subprocess.Popen[str]) -> str:
    argv = process.args
    assert isinstance(argv, list)
    return str(argv[argv.index("--socket") + 1])


def last_words(process: subprocess.Popen[str], code: int = 1) -> str:
    _, said = process.communicate(timeout=20)
    assert process.returncode == code, said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_once(launch: Launch, number: signal.Signals) -> None:
    """Does it stop what runs, and end with 0, as quickly as its containers allow?"""
    process = launch()
    client = ready(process)
    client.images.pull("busybox", "latest")
    client.containers.run("busybox", "sleep 1000", detach=True)
    client.close()
    started = time.monotonic()
    process.send_signal(number)
    assert last_words(process, code=0) == ""
    assert time.monotonic() - started < 3


def test_asked_twice(launch: Launch) -> None:
    """Does a second request end at once what is slow to stop?"""
    process = launch()
    client = ready(process)
    client.images.pull("busybox", "latest")
    deaf = "trap '' TERM; echo up; trap : TERM; while :; do sleep 0.1; done"
    container = client.containers.run("busybox", ["sh", "-c", deaf], detach=True)
    until(lambda: container.logs() == b"up\n", what="it does not listen")
    client.close()
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    last_words(process, code=128 + signal.SIGKILL)
    assert time.monotonic() - started < 2


def test_while_it_starts(launch: Launch) -> None:
    """Does a request that comes before the engine answers end it all the same?"""
    for seconds in (0.1, 0.2, 0.3, 0.45):
        process = launch()
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode in (0, -signal.SIGTERM)
    # and the next start finds nothing in its way
    process = launch()
    ready(process).close()
    process.terminate()
    assert last_words(process, code=0) == ""


def test_a_socket_that_a_killed_engine_left(launch: Launch) -> None:
    """Is it replaced, and that of a running engine not?"""
    process = launch()
    ready(process).close()
    path = socket_of(process)
    other = launch("--root", f"{path}.root", "--socket", path)
    assert f"something already listens on {path}" in last_words(other)
    process.kill()
    process.wait()
    assert Path(path).exists()
    again = launch()
    ready(again).close()
    again.terminate()
    assert last_words(again, code=0) == ""
    assert not Path(path).exists()
    reset.remove(Path(f"{path}.root"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--root", "/proc/lab"), "lab: cannot use /proc/lab for the engine's state"),
        (("--socket", "/proc/lab.sock"), "lab: cannot listen on /proc/lab.sock"),
        (("--socket", "/tmp/" + "x" * 120), "lab: socket path is longer than 107 bytes"),
        (("--sandbox", "zoo"), "lab: unknown sandbox 'zoo': choose one of auto, namespaces, vm"),
    ],
)
def test_what_cannot_be(launch: Launch, words: tuple[str, ...], message: str) -> None:
    """Is it said in one sentence why nothing is started?"""
    assert message in last_words(launch(*words))


def test_records_that_cannot_be_read(launch: Launch, short_tmp: Path) -> None:
    """Is an engine that ends before it answers told of in sentences, and is the folder free again?"""
    root = short_tmp / "spoilt"
    root.mkdir()
    (root / "engine.db").write_text("this is no database at all, whatever its name says")
    for _ in range(2):
        said = last_words(launch("--root", str(root)))
        assert "lab engine: the engine's records cannot be read or written: " in said
        assert "lab: the engine ended before it could answer (exit code 1)" in said
    reset.remove(root)


def test_without_standard_files(launch: Launch) -> None:
    """Does it work where standard input and error are closed?"""

    def close() -> None:
        os.close(0)
        os.close(2)

    process = launch(preexec_fn=close)
    client = ready(process)
    client.images.pull("busybox", "latest")
    script = "readlink /proc/self/fd/0; ls /nosuch; echo out"
    shown = client.containers.run("busybox", ["sh", "-c", script], remove=True, stderr=True)
    assert b"/dev/null" in shown and b"No such file" in shown and b"out" in shown
    client.close()
    process.terminate()
    assert process.wait(20) == 0


def test_no_descriptors_left(launch: Launch) -> None:
    """Does lack of descriptors refuse some requests, say so once, and harm nothing after it?"""
    limit = (52, 52)
    process = launch(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit))
    client = ready(process)
    client.images.pull("busybox", "latest")
    crowd = []
    for _ in range(60):
        crowd.append(socket.socket(socket.AF_UNIX))
        crowd[-1].connect(socket_of(process))
        crowd[-1].sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    for connection in crowd[:15]:
        assert connection.recv(15).startswith(b"HTTP/1.1 200")
    for connection in crowd:
        connection.close()
    until(lambda: _runs(client), limit=20, what="it goes on")
    client.close()
    process.terminate()
    said = last_words(process, code=0)
    assert said.count("no client can be served for now: Too many open files") == 1


def _runs(client: docker.DockerClient) -> bool:
    try:
        return bool(client.containers.run("busybox", "echo on", remove=True) == b"on\n")
    except docker.errors.APIError:
        return False
