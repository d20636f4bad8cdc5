"""An engine whose disk is full: nothing half done, and everything of use again when there is room."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, BuildError

from lab.errors import Unavailable
from lab.sandbox import process, reset
from lab.sandbox.process import EngineProcess
from tests.conftest import docker_cli, until

SIZE = "16m"
FULL = "No space left on device"

Start = Callable[[], EngineProcess]


@pytest.fixture
def disk(short_tmp: Path) -> Iterator[Path]:
    """A small file system of its own."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small file system on the host")
    folder = Path(tempfile.mkdtemp(prefix="disk", dir=short_tmp))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "lab", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def start(disk: Path, catalog: Path) -> Iterator[Start]:
    """Starts an engine on that disk, again and again; what a test leaves running is ended."""
    root = disk / "engine"
    started: list[EngineProcess] = []

    def again() -> EngineProcess:
        started.append(process.start(root, disk.with_suffix(".sock"), catalog=catalog))
        return started[-1]

    yield again
    for each in started:
        each.stop()
    reset.remove(root)


@pytest.fixture
def engine(start: Start) -> Iterator[EngineProcess]:
    running = start()
    client = docker.DockerClient(base_url=running.host)
    client.images.pull("busybox", "latest")
    # the first container adds a layer to its image, which stays
    assert has_room(client)
    client.close()
    yield running
    # a full disk is nothing that the engine did not think of
    assert "Traceback" not in running.said()
    assert running.stop() == 0


def wait_for_deletions(disk: Path) -> None:
    """Wait until nothing is being deleted any more, which would make room again."""
    trash = disk / "engine" / "snapshots" / "trash"
    until(lambda: not os.listdir(trash), what="removed layers are deleted")


def fill(disk: Path) -> Path:
    """Take what room there is."""
    wait_for_deletions(disk)
    path = disk / "fill"
    with path.open("wb", buffering=0) as file:
        size = 1 << 16
        while size:
            try:
                file.write(b"x" * size)
            except OSError as error:
                assert error.errno == errno.ENOSPC
                size //= 2
    return path


def resize(disk: Path, **limits: str | int) -> None:
    options = ",".join(["remount", *(f"{name}={value}" for name, value in limits.items())])
    subprocess.run(["mount", "-o", options, str(disk)], check=True)


def kept(disk: Path) -> dict[str, set[str]]:
    """What the engine's folders hold, but for what is already removed and not yet deleted."""
    names = ("containers", "scratch/builds", "snapshots/snapshots", "content/ingest")
    blobs = ("content/blobs/sha256",)
    return {name: set(os.listdir(disk / "engine" / name)) for name in (*names, *blobs)}


def has_room(client: docker.DockerClient) -> bool:
    try:
        return bool(client.containers.run("busybox", "echo room", remove=True) == b"room\n")
    except APIError as error:
        assert FULL in str(error)
        return False


@pytest.fixture
def client(engine: EngineProcess) -> Iterator[docker.DockerClient]:
    made = docker.DockerClient(base_url=engine.host, timeout=30)
    yield made
    made.close()


def test_creation_without_room(client: docker.DockerClient, disk: Path) -> None:
    """Is a creation refused with the reason, and is nothing there of it?"""
    before = kept(disk)
    rubble = fill(disk)
    for _ in range(3):
        with pytest.raises(APIError, match=FULL) as raised:
            client.containers.create("busybox", "true")
        assert raised.value.status_code == 500
    assert client.containers.list(all=True) == []
    assert kept(disk) == before
    rubble.unlink()
    assert has_room(client)


def test_creation_without_inodes(client: docker.DockerClient, disk: Path) -> None:
    """Is it the same where there are bytes enough, and no files can be made?"""
    wait_for_deletions(disk)
    before = kept(disk)
    status = os.statvfs(disk)
    resize(disk, nr_inodes=status.f_files - status.f_ffree + 1)
    with pytest.raises(APIError, match=FULL) as raised:
        client.containers.create("busybox", "true")
    assert raised.value.status_code == 500
    resize(disk, nr_inodes=0)
    assert client.containers.list(all=True) == []
    assert kept(disk) == before
    assert has_room(client)


def test_start_without_room(client: docker.DockerClient, disk: Path) -> None:
    """Does a start that finds no room leave the container as it was, and work later?"""
    container = client.containers.create("busybox", ["sh", "-c", "exit 7"])
    rubble = fill(disk)
    with pytest.raises(APIError, match=FULL):
        container.start()
    container.reload()
    assert container.status == "created"
    assert FULL in container.attrs["State"]["Error"]
    rubble.unlink()
    container.start()
    assert container.wait()["StatusCode"] == 7


def test_pull_without_room(client: docker.DockerClient, disk: Path) -> None:
    """Does a pull that does not fit say so, whether at its first byte or amid a layer?"""
    before = kept(disk)
    said = list(client.api.pull("nginx", "latest", stream=True, decode=True))
    assert FULL in said[-1]["error"]
    rubble = fill(disk)
    said = list(client.api.pull("debian", "latest", stream=True, decode=True))
    assert FULL in said[-1]["error"]
    assert [image.tags for image in client.images.list()] == [["busybox:latest"]]
    assert kept(disk) == before
    rubble.unlink()
    assert has_room(client)


def test_build_without_room(client: docker.DockerClient, disk: Path) -> None:
    """Does a build whose step fills the disk fail there, and leave nothing behind?"""
    before = kept(disk)
    steps = b"FROM busybox\nRUN dd if=/dev/zero of=/big bs=64k\n"
    with pytest.raises(BuildError, match="returned a non-zero code: 1") as raised:
        client.images.build(fileobj=io.BytesIO(steps), rm=True, forcerm=True)
    assert any(FULL in line.get("stream", "") for line in raised.value.build_log)
    until(lambda: kept(disk) == before, what="nothing is left of it")
    rubble = fill(disk)
    with pytest.raises(APIError, match=f"(?i){FULL}"):
        client.images.build(fileobj=io.BytesIO(steps), rm=True, forcerm=True)
    assert kept(disk) == before
    rubble.unlink()
    assert has_room(client)


def test_what_runs_can_be_ended(
    client: docker.DockerClient, engine: EngineProcess, disk: Path, tmp_path: Path
) -> None:
    """Do logs, kill, stop, wait and rm work on a full disk, and are ends recorded?"""
    script = "echo before; trap 'seq 1 5000; exit 3' TERM; echo up; while :; do sleep 0.02; done"
    talker = client.containers.run("busybox", ["sh", "-c", script], detach=True)
    other = client.containers.run("busybox", "sleep 1000", detach=True)
    until(lambda: talker.logs() == b"before\nup\n", what="it listens")
    rubble = fill(disk)
    # an exec needs a file that describes it
    refused = docker_cli(engine, tmp_path, "exec", other.id, "true")
    assert (refused.returncode, refused.stdout.strip()) == (126, FULL)
    other.kill()
    assert other.wait()["StatusCode"] == 137
    other.remove()
    # the log may not be able to grow any more, the container goes on all the same
    talker.stop(timeout=10)
    talker.reload()
    assert (talker.status, talker.attrs["State"]["ExitCode"]) == ("exited", 3)
    assert talker.logs().startswith(b"before\nup\n")
    talker.remove()
    assert client.containers.list(all=True) == []
    rubble.unlink()
    assert has_room(client)


def test_many_ends_on_a_full_disk(client: docker.DockerClient, disk: Path) -> None:
    """Is enough kept back for the records of a hundred removals, and of some that run?"""
    for _ in range(100):
        client.containers.create("busybox", "true")
    for _ in range(4):
        client.containers.run("busybox", "sleep 1000", detach=True)
    rubble = fill(disk)
    for each in client.containers.list(all=True):
        each.remove(force=True)
    assert client.containers.list(all=True) == []
    assert kept(disk)["containers"] == set()
    rubble.unlink()
    assert has_room(client)


def test_a_container_that_fills_the_disk_itself(client: docker.DockerClient) -> None:
    """Is it told, and is the room there again when it has been removed?"""
    script = "dd if=/dev/zero of=/big bs=64k 2>&1 | grep -o 'No space left on device'"
    container = client.containers.run("busybox", ["sh", "-c", script], detach=True)
    assert container.wait(timeout=30)["StatusCode"] == 0
    assert not has_room(client)
    container.remove(force=True)
    # what was removed is deleted in the background
    until(lambda: has_room(client), what="there is room again")


def test_records_after_a_full_disk(start: Start, disk: Path) -> None:
    """Does an engine that was stopped on a full disk come up again with what it had?"""
    first = start()
    client = docker.DockerClient(base_url=first.host, timeout=30)
    client.images.pull("busybox", "latest")
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    client.close()
    rubble = fill(disk)
    assert first.stop() == 0
    try:
        # what it had kept back may be gone with it; then the next one says why it cannot start
        assert start().stop() == 0
    except Unavailable as error:
        assert FULL in error.message
        assert "Traceback" not in error.message
    rubble.unlink()
    second = start()
    client = docker.DockerClient(base_url=second.host, timeout=30)
    found = client.containers.get(container.id)
    assert (found.status, found.attrs["State"]["ExitCode"]) == ("exited", 137)
    found.start()
    found.remove(force=True)
    client.close()
    assert second.stop() == 0


@pytest.mark.parametrize("size", ["16k", "64k"])
def test_a_disk_that_is_too_small_to_start(start: Start, disk: Path, size: str) -> None:
    """Does the engine say in words why it cannot start?"""
    resize(disk, size=size)
    with pytest.raises(Unavailable, match=FULL) as raised:
        start()
    assert "Traceback" not in raised.value.message


@pytest.mark.parametrize("size", ["1m", "9m", "10m"])
def test_a_disk_that_is_too_small_to_use(start: Start, disk: Path, size: str) -> None:
    """Does an engine that has just room for itself start, and refuse what does not fit?"""
    resize(disk, size=size)
    engine = start()
    client = docker.DockerClient(base_url=engine.host, timeout=30)
    before = kept(disk)
    said = list(client.api.pull("busybox", "latest", stream=True, decode=True))
    assert FULL in said[-1]["error"]
    assert client.images.list() == []
    assert kept(disk) == before
    client.close()
    assert "Traceback" not in engine.said()
    assert engine.stop() == 0
