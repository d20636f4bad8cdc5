"""kill -9 of the engine amid its work, again and again: promises are kept, nothing is left behind."""

from __future__ import annotations

import contextlib
import json
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

from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig, chain_id
from lab.sandbox import process, reset
from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.faults.ledger import ACCOUNT
from tests.faults.load import Load
from tests.integration import host
from tests.integration.raw import daemon_of

STATES = {"created", "exited", "running", "restarting"}


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
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.long)])
def test_kills(root: Path, start: Callable[[], EngineProcess], kills: int) -> None:
    """Does every start after a kill find all that was promised, and does nothing of the dead stay?"""
    chance = random.Random(kills)
    before = host.Host.look()
    engine = start()
    prepare(engine)
    names = []
    for number in range(kills):
        names.append(f"lab-{engine.process.pid}-")
        load = Load(engine, number * 100)
        # not a wait for anything: the moment of death is to be anywhere in the work
        threading.Event().wait(chance.uniform(0.02, 0.8))
        family = host.descendants(engine.process.pid)
        os.kill(daemon_of(engine), signal.SIGKILL)
        engine.process.wait(20)
        until(lambda family=family: not host.alive(family), what="all of it ends")  # type: ignore[misc]
        load.end()
        assert load.failures == []
        engine.stop()
        engine = start()
        check_records(engine, root, load)
    assert engine.stop() == 0
    after = host.Host.look()
    assert (after.links, after.forwarding) == (before.links, before.forwarding)
    assert not [each for each in after.mounts - before.mounts if str(root) in each]
    assert not [path for path in host.cgroup_folders() if any(name in path for name in names)]
    assert not [pid for pid, line in host.commands(host.everyone()).items() if str(root) in line]
    assert not [pid for pid in host.everyone() if host.working_folder(pid).is_relative_to(root)]


def prepare(engine: EngineProcess) -> None:
    """Give the engine the image that the load uses, and the Hub an account."""
    client = docker.DockerClient(base_url=engine.host)
    client.images.pull("busybox", "latest")
    members = {"name": ACCOUNT["username"], "password": ACCOUNT["password"]}
    address = f"{client.api.base_url}/lab/v1/accounts"
    assert client.api.post(address, json=members, timeout=20).status_code == 201
    client.close()


def check_records(engine: EngineProcess, root: Path, load: Load) -> None:
    """Look whether records and folders agree, whether all of it can be used; then empty it."""
    client = docker.DockerClient(base_url=engine.host, timeout=20)
    check_folders(client, root)
    load.ledger.check(client)
    load.ledger.empty(client)
    containers = client.containers.list(all=True)
    assert {each.status for each in containers} <= STATES
    for each in containers:
        if each.attrs["HostConfig"]["RestartPolicy"]["Name"] in ("", "no"):
            assert each.status in ("created", "exited")
            assert each.attrs["State"]["Pid"] == 0
            assert not each.attrs["NetworkSettings"]["Ports"]
    remove_all(client, containers)
    assert client.containers.run("busybox", "echo whole", remove=True) == b"whole\n"
    check_disk(client, root)
    # whatever was seen to start was seen to end, by this engine or the one after
    assert actors(client, "start") <= actors(client, "die")
    assert "Traceback" not in engine.said()
    client.close()


def remove_all(
    client: docker.DockerClient, containers: list[docker.models.containers.Container]
) -> None:
    """Use two containers that are there, then remove everything but busybox."""
    resting = [each for each in containers if each.status in ("created", "exited")]
    for each in resting[:2]:
        each.start()
        each.wait() if each.attrs["Config"]["Cmd"] != ["sleep", "1000"] else each.kill()
    for each in containers:
        each.remove(force=True, v=True)
    for image in client.images.list():
        if image.tags != ["busybox:latest"]:
            assert image.history()
            client.images.remove(image.id, force=True)
    client.networks.prune()
    client.volumes.prune(filters={"all": True})


def check_folders(client: docker.DockerClient, root: Path) -> None:
    """Has everything that is known its folder, and are there no others?"""
    known = {each.id for each in client.containers.list(all=True)}
    assert set(os.listdir(root / "containers")) == known
    volumes = {each.name for each in client.volumes.list()}
    assert set(os.listdir(root / "volumes")) == volumes
    with records(root) as table:
        active = {key for (key,) in table("SELECT key FROM snapshots WHERE kind = 'active'")}
        numbers = {str(number) for (number,) in table("SELECT number FROM snapshots")}
        layers = {key for (key,) in table("SELECT key FROM snapshots WHERE kind = 'committed'")}
        chains, blobs = needed(table)
    assert active == known
    assert set(os.listdir(root / "snapshots" / "snapshots")) == numbers
    assert {key.removesuffix("-init") for key in layers} <= chains
    assert set(os.listdir(root / "content" / "blobs" / "sha256")) <= blobs
    assert os.listdir(root / "content" / "ingest") == []
    assert os.listdir(root / "scratch" / "builds") == []


def check_disk(client: docker.DockerClient, root: Path) -> None:
    """When everything has been removed, is nothing left but busybox?"""
    told = client.df()
    assert [image["RepoTags"] for image in told["Images"]] == [["busybox:latest"]]
    assert told["LayersSize"] == told["Images"][0]["Size"]
    assert not told["Containers"]
    assert not told["Volumes"]
    assert not client.images.list(all=True, filters={"dangling": True})
    with records(root) as table:
        _, blobs = needed(table)
    until(
        lambda: set(os.listdir(root / "content" / "blobs" / "sha256")) <= blobs,
        what="blobs of removed images go",
    )
    for name in ("snapshots/removed", "volumes-removed"):
        if (root / name).exists():
            until(lambda name=name: not os.listdir(root / name), what="the trash is emptied")  # type: ignore[misc]


@contextlib.contextmanager
def records(root: Path) -> Iterator[Callable[[str], list[tuple[str, ...]]]]:
    """Give a function that asks the engine's database."""
    address = f"file:{root}/engine.db?mode=ro"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
        yield lambda statement: database.execute(statement).fetchall()


def needed(table: Callable[[str], list[tuple[str, ...]]]) -> tuple[set[str], set[str]]:
    """Return the chain ids of all images' layers, and the digests of all their blobs."""
    chains: set[str] = set()
    blobs: set[str] = set()
    for identity, config, layers in table("SELECT id, config, layers FROM images"):
        blobs.add(Digest.parse(identity).hex)
        blobs |= {Digest.parse(layer["digest"]).hex for layer in json.loads(layers)}
        diff_ids = ImageConfig.from_bytes(config).diff_ids  # type: ignore[arg-type]
        chains |= {str(chain_id(diff_ids[: n + 1])) for n in range(len(diff_ids))}
    # manifests by which a registry knows an image
    blobs |= {Digest.parse(digest).hex for (digest,) in table("SELECT digest FROM image_digests")}
    return chains, blobs


def actors(client: docker.DockerClient, action: str) -> set[str]:
    """Return the containers that something was ever recorded of."""
    filters = {"event": action, "type": "container"}
    events = client.events(since=0, until=time.time() + 0.001, decode=True, filters=filters)
    return {event["Actor"]["ID"] for event in events}
