"""What the learner has made stays on a disk of its own, from one start of the lab to the next."""

from __future__ import annotations

from collections.abc import Callable

import docker

from lab.sandbox.process import EngineProcess
from tests.integration.images_of import make_account


def test_everything_stays(own_vm: Callable[[], EngineProcess]) -> None:
    """Are images, and containers with their files and logs, there after a restart?"""
    engine = own_vm()
    client = docker.DockerClient(base_url=engine.host)
    client.images.pull("busybox", "latest")
    client.images.get("busybox").tag("mine:1")
    script = "echo said; echo kept > /file; exec sleep 1000"
    container = client.containers.run("busybox", ["sh", "-c", script], name="old", detach=True)
    identity = client.info()["ID"]
    client.close()
    assert engine.stop() == 0

    engine = own_vm()
    client = docker.DockerClient(base_url=engine.host)
    assert client.info()["ID"] == identity
    assert client.images.get("mine:1").id == client.images.get("busybox").id
    again = client.containers.get("old")
    assert (again.id, again.status) == (container.id, "exited")
    assert again.logs() == b"said\n"
    again.start()
    assert again.exec_run("cat /file").output == b"kept\n"
    client.close()


def test_a_guest_that_was_killed(own_vm: Callable[[], EngineProcess]) -> None:
    """Is what was finished before there after QEMU has lost its power, and does the lab start?"""
    engine = own_vm()
    client = docker.DockerClient(base_url=engine.host)
    client.images.pull("busybox", "latest")
    client.images.get("busybox").tag("mine:1")
    alice = make_account(engine, "alice")
    client.images.get("busybox").tag("alice/kept:1")
    assert "digest: sha256:" in client.images.push("alice/kept", tag="1", auth_config=alice)
    container = client.containers.run("busybox", "sleep 1000", name="cut", detach=True)
    client.close()
    engine.process.kill()
    engine.process.wait()
    again = own_vm()
    client = docker.DockerClient(base_url=again.host)
    found = client.containers.list(all=True)
    assert [(each.id, each.status) for each in found] == [(container.id, "exited")]
    assert client.images.get("mine:1").id == client.images.get("busybox").id
    assert client.containers.run("mine:1", "echo on", remove=True) == b"on\n"
    # in the Hub, too
    client.images.remove("alice/kept:1")
    kept = client.images.pull("alice/kept", "1", auth_config=alice)
    assert kept.id == client.images.get("busybox").id
    assert client.login(**alice)["Status"] == "Login Succeeded"
    client.close()
