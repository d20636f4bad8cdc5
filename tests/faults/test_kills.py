"""kill -9 of the engine amid its work, again and again: records stay whole, nothing is left behind."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, DockerException
from requests import RequestException
from urllib3.exceptions import HTTPError

from lab.sandbox import process, reset
from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration import host
from tests.integration.raw import daemon_of

KILLS = 20
WORKERS = 4

ENDS = (RequestException, HTTPError, DockerException, OSError, ValueError)
"""How a conversation ends whose other side is killed; ValueError: amid a JSON text."""

_ACTIVE = "SELECT key FROM snapshots WHERE kind = 'active'"


class Load:
    """Threads that use containers, and make and pull images, until the engine is gone."""

    def __init__(self, engine: EngineProcess, seed: int) -> None:
        self._engine = engine
        self.failures: list[APIError] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(seed + n),))
            for n in range(WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        # what docker-py lets lie is collected here, while it is allowed
        gc.collect()

    def _work(self, chance: random.Random) -> None:
        client = docker.DockerClient(base_url=self._engine.host, timeout=20)
        try:
            while not self._stop.is_set():
                self._attempt(client, chance)
        except ENDS:
            # the engine has been killed, or is just now starting to be
            pass
        finally:
            client.close()

    def _attempt(self, client: docker.DockerClient, chance: random.Random) -> None:
        try:
            self._step(client, chance)
        except APIError as error:
            # another worker may just have removed an image: that is refused, nothing has failed
            if error.status_code is None or error.status_code >= 500:
                self.failures.append(error)

    def _step(self, client: docker.DockerClient, chance: random.Random) -> None:
        what = chance.random()
        if what < 0.15:
            steps = f"FROM busybox\nRUN echo {what} > /made\nCOPY Dockerfile /\n"
            client.images.build(fileobj=io.BytesIO(steps.encode()), rm=True)
        elif what < 0.25:
            client.images.pull("hello-world", "latest")
            client.images.remove("hello-world", force=True)
        else:
            self._use_container(client, chance)

    def _use_container(self, client: docker.DockerClient, chance: random.Random) -> None:
        options = {"ports": {"80/tcp": None}} if chance.random() < 0.3 else {}
        command = chance.choice((["true"], ["sleep", "1000"], ["sh", "-c", "echo x > /made"]))
        container = client.containers.create("busybox", command, **options)
        container.start()
        if command[0] == "sleep":
            container.exec_run("true")
        if chance.random() < 0.6:
            container.remove(force=True)


@pytest.fixture
def root(short_tmp: Path) -> Iterator[Path]:
    folder = short_tmp / "kills"
    yield folder
    reset.remove(folder)


@pytest.fixture
def start(root: Path, catalog: Path) -> Iterator[Callable[[], EngineProcess]]:
    """Starts an engine, again and again; what a failed test leaves running is ended."""
    started: list[EngineProcess] = []

    def again() -> EngineProcess:
        started.append(process.start(root, root.with_suffix(".sock"), catalog=catalog))
        return started[-1]

    yield again
    for each in started:
        each.stop()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_twenty_kills(root: Path, start: Callable[[], EngineProcess]) -> None:
    """Does every start after a kill find whole records, and does nothing of the dead stay?"""
    chance = random.Random(20)
    before = host.Host.look()
    engine = start()
    client = docker.DockerClient(base_url=engine.host)
    client.images.pull("busybox", "latest")
    client.close()
    names = []
    for number in range(KILLS):
        names.append(f"lab-{engine.process.pid}-")
        load = Load(engine, number * 100)
        # not a wait for anything: the moment of death is to be anywhere in the work
        threading.Event().wait(chance.uniform(0.02, 0.5))
        family = host.descendants(engine.process.pid)
        os.kill(daemon_of(engine), signal.SIGKILL)
        engine.process.wait(20)
        until(lambda family=family: not host.alive(family), what="all of it ends")  # type: ignore[misc]
        load.end()
        assert load.failures == []
        engine.stop()
        engine = start()
        check_records(engine, root)
    assert engine.stop() == 0
    after = host.Host.look()
    assert (after.links, after.forwarding) == (before.links, before.forwarding)
    assert not [each for each in after.mounts - before.mounts if str(root) in each]
    assert not [path for path in host.cgroup_folders() if any(name in path for name in names)]
    assert not [pid for pid, line in host.commands(host.everyone()).items() if str(root) in line]
    assert not [pid for pid in host.everyone() if host.working_folder(pid).is_relative_to(root)]


def check_records(engine: EngineProcess, root: Path) -> None:
    """Look whether records and folders agree, whether all of it can be used; then empty it."""
    client = docker.DockerClient(base_url=engine.host, timeout=20)
    check_folders(client, root)
    containers = client.containers.list(all=True)
    assert {each.status for each in containers} <= {"created", "exited"}
    for each in containers:
        assert each.attrs["State"]["Pid"] == 0
        assert not each.attrs["NetworkSettings"]["Ports"]
    for each in containers[:2]:
        each.start()
        each.wait() if each.attrs["Config"]["Cmd"] != ["sleep", "1000"] else each.kill()
    for each in containers:
        each.remove(force=True)
    for image in client.images.list():
        if image.tags != ["busybox:latest"]:
            assert image.history()
            client.images.remove(image.id, force=True)
    assert client.containers.run("busybox", "echo whole", remove=True) == b"whole\n"
    # whatever was seen to start was seen to end, by this engine or the one after
    assert actors(client, "start") <= actors(client, "die")
    assert "Traceback" not in engine.said()
    client.close()


def check_folders(client: docker.DockerClient, root: Path) -> None:
    """Has every container its folder and its writable layer, and are there no others?"""
    known = {each.id for each in client.containers.list(all=True)}
    assert set(os.listdir(root / "containers")) == known
    with contextlib.closing(sqlite3.connect(f"file:{root}/engine.db?mode=ro", uri=True)) as records:
        active = {key for (key,) in records.execute(_ACTIVE)}
        numbers = {str(number) for (number,) in records.execute("SELECT number FROM snapshots")}
    assert active == known
    assert set(os.listdir(root / "snapshots" / "snapshots")) == numbers
    assert os.listdir(root / "content" / "ingest") == []
    assert os.listdir(root / "scratch" / "builds") == []


def actors(client: docker.DockerClient, action: str) -> set[str]:
    """Return the containers that something was ever recorded of."""
    filters = {"event": action, "type": "container"}
    events = client.events(since=0, until=time.time() + 0.001, decode=True, filters=filters)
    return {event["Actor"]["ID"] for event in events}
