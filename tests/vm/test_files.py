"""The host's files in a container of the guest, and what is written to them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import docker
import pytest


@pytest.fixture
def folder(short_tmp: Path, request: pytest.FixtureRequest) -> Path:
    made = short_tmp / f"bind{abs(hash(request.node.nodeid)) % 10**8}"
    made.mkdir()
    return made


def test_both_ways(client: docker.DockerClient, folder: Path) -> None:
    """Does each side read at once what the other one has written, as the learner's own?"""
    (folder / "host").write_text("from the host\n")
    mount = {str(folder): {"bind": "/x", "mode": "rw"}}
    script = "cat /x/host; mkdir /x/d; echo from the container > /x/d/new; sleep 1000"
    container = client.containers.run("busybox", ["sh", "-c", script], volumes=mount, detach=True)
    code, said = container.exec_run(["sh", "-c", "until [ -s /x/d/new ]; do sleep 0.1; done"])
    assert code == 0, said
    assert container.logs() == b"from the host\n"
    assert (folder / "d" / "new").read_text() == "from the container\n"
    status = (folder / "d" / "new").stat()
    assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid())
    assert container.exec_run("stat -c %u:%g /x/host /x/d/new").output == b"0:0\n0:0\n"
    # a file that a container has read before is read anew
    (folder / "host").write_text("changed\n")
    assert container.exec_run("cat /x/host").output == b"changed\n"
    (folder / "d" / "later").write_text("later\n")
    assert container.exec_run("cat /x/d/later").output == b"later\n"
    (folder / "host").unlink()
    assert container.exec_run("ls /x").output == b"d\n"


def test_read_only(client: docker.DockerClient, folder: Path) -> None:
    """Is a folder bound read-only not written to?"""
    mount = {str(folder): {"bind": "/x", "mode": "ro"}}
    with pytest.raises(docker.errors.ContainerError, match="Read-only file system"):
        client.containers.run("busybox", "touch /x/new", volumes=mount, remove=True)
    assert not list(folder.iterdir())


def test_mapped_into_memory(client: docker.DockerClient, folder: Path) -> None:
    """Can a container map a file of the host's into memory, and does what it writes get there?"""
    (folder / "data").write_bytes(bytes(100_000))
    script = (
        "import mmap\n"
        "with open('/x/data', 'r+b') as file, mmap.mmap(file.fileno(), 0) as memory:\n"
        "    memory[50_000:50_005] = b'hello'\n"
        "    memory.flush()\n"
    )
    mount = {str(folder): {"bind": "/x", "mode": "rw"}}
    # the interpreter is the host's, which is mapped into memory itself
    mount[sys.base_prefix] = {"bind": sys.base_prefix, "mode": "ro"}
    command = [os.path.realpath(sys.executable), "-I", "-S", "-c", script]
    client.containers.run("debian", command, volumes=mount, remove=True)
    content = (folder / "data").read_bytes()
    assert len(content) == 100_000 and content[50_000:50_005] == b"hello"


def test_what_is_not_there(client: docker.DockerClient, folder: Path) -> None:
    """Is a missing folder made by `-v`, and the guest's own file tree out of reach?"""
    mount = {str(folder / "new"): {"bind": "/x", "mode": "rw"}}
    client.containers.run("busybox", "touch /x/file", volumes=mount, remove=True)
    assert (folder / "new" / "file").exists()
    mount = {"/program": {"bind": "/x", "mode": "ro"}}
    assert client.containers.run("busybox", "ls /x", volumes=mount, remove=True) == b""
    os.rmdir("/program")
