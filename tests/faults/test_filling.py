"""kill -9 while a new volume gets an image's content: all of it is there afterwards, or nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import docker

from lab.sandbox.process import EngineProcess
from tests.faults.load import ENDS
from tests.integration.raw import daemon_of

OPTIONS = {"name": "first", "volumes": ["named:/usr/share", "/etc"]}


def kill_while_it_fills(engine: EngineProcess, client: docker.DockerClient) -> Path:
    """Kill an engine as soon as a volume is being filled; return the volume's folder."""

    def create() -> None:
        with contextlib.suppress(*ENDS):
            client.containers.create("debian", "true", **OPTIONS)

    creator = threading.Thread(target=create)
    volume = engine.socket.with_suffix("") / "volumes" / "named"
    daemon = daemon_of(engine)
    creator.start()
    limit = time.monotonic() + 20
    while not (volume / "_filling").exists():
        # at once: it does not take long
        assert time.monotonic() < limit
    os.kill(daemon, signal.SIGKILL)
    engine.process.wait(20)
    creator.join()
    return volume


def test_a_volume_that_was_being_filled(own_engine: Callable[[], EngineProcess]) -> None:
    """Is there no container whose volume stayed empty, and is the volume filled for the next one?"""
    engine = own_engine()
    client = docker.DockerClient(base_url=engine.host)
    client.images.pull("debian", "latest")
    volume = kill_while_it_fills(engine, client)
    client.close()
    engine.stop()

    client = docker.DockerClient(base_url=own_engine().host)
    assert client.containers.list(all=True) == []
    assert [each.name for each in client.volumes.list()] == ["named"]
    assert os.listdir(volume) == ["_data"]
    made = client.containers.create("debian", "true", **OPTIONS)
    filters = {"type": "container", "event": "create"}
    told = list(client.events(since=0, until=time.time() + 0.001, decode=True, filters=filters))
    assert [each["Actor"]["ID"] for each in told] == [made.id]
    same = ["diff", "-r", "--no-dereference", "/usr/share", "/v"]
    volumes = {"named": {"bind": "/v", "mode": "ro"}}
    assert client.containers.run("debian", same, volumes=volumes, remove=True) == b""
    made.remove(v=True)
    client.close()
