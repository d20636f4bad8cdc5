"""`docker cp`: files into containers and out of them, running and stopped."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from lab.sandbox.process import EngineProcess
from tests.conftest import cli_environ, until
from tests.integration import host

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=["running", "stopped"])
def container(client: docker.DockerClient, request: pytest.FixtureRequest) -> Iterator[Container]:
    """A container with a volume, in both states in which files can be copied."""
    made = client.containers.create("busybox", "sleep 60", volumes=["copied:/vol"])
    if request.param == "running":
        made.start()
    yield made
    made.remove(force=True)
    client.volumes.get("copied").remove()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file of mode 640, a link to it, and a file below."""
    folder = tmp_path / "src"
    (folder / "sub").mkdir(parents=True)
    (folder / "file").write_text("hello\n")
    (folder / "file").chmod(0o640)
    (folder / "link").symlink_to("file")
    (folder / "sub" / "deep").write_text("deep\n")
    return folder


def archive(**members: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.uid, member.gid, member.mode = len(text), 33, 44, 0o604
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def members(container: Container, path: str) -> dict[str, tarfile.TarInfo]:
    pieces, _ = container.get_archive(path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
        return {member.name: member for member in tar}


def test_there_and_back(cli: Cli, container: Container, folder: Path, tmp_path: Path) -> None:
    """Does a folder come back as it was, by way of the container's own files and of a volume?"""
    for place in ("/tmp", "/vol"):
        assert cli("cp", "src", f"{container.name}:{place}/there").returncode == 0
        back = tmp_path / place.strip("/")
        assert cli("cp", f"{container.name}:{place}/there", str(back)).returncode == 0
        assert sorted(path.name for path in back.rglob("*")) == ["deep", "file", "link", "sub"]
        assert (back / "file").read_text() == "hello\n"
        assert (back / "file").stat().st_mode & 0o777 == 0o640
        assert os.readlink(back / "link") == "file"


def test_forms_of_the_destination(cli: Cli, container: Container, folder: Path) -> None:
    """Is a file put into a directory, or becomes it the destination; content with `/.`?"""
    cli("cp", "src/file", f"{container.name}:/tmp")
    cli("cp", "src/file", f"{container.name}:/tmp/other")
    cli("cp", "src/.", f"{container.name}:/vol/")
    assert set(members(container, "/tmp")) == {"tmp", "tmp/file", "tmp/other"}
    assert set(members(container, "/vol/.")) == {".", "./file", "./link", "./sub", "./sub/deep"}


def test_streams(cli: Cli, container: Container) -> None:
    """Does `-` take an archive from standard input, and write one to standard output?"""
    sent = cli("cp", "-", f"{container.name}:/vol", input=archive(made="x"), text=False)
    assert sent.returncode == 0
    got = cli("cp", f"{container.name}:/vol/made", "-", text=False).stdout
    with tarfile.open(fileobj=io.BytesIO(got)) as tar:
        [member] = tar.getmembers()
    assert (member.name, member.uid, member.gid, member.mode) == ("made", 33, 44, 0o604)


def test_what_is_not_there(cli: Cli, container: Container, folder: Path) -> None:
    """Are Docker's words used for missing files, and for what is no directory?"""
    name = container.name
    said = cli("cp", f"{name}:/nope", ".").stderr
    assert (
        said == f"Error response from daemon: Could not find the file /nope in container {name}\n"
    )
    said = cli("cp", "src/file", f"{name}:/no/where").stderr
    assert said == f"Error response from daemon: Could not find the file /no in container {name}\n"
    with pytest.raises(APIError, match="extraction point is not a directory"):
        container.put_archive("/etc/passwd", archive(x="x"))
    with pytest.raises(NotFound, match="No such container: nobody"):
        container.client.api.get_archive("nobody", "/etc")


def test_directories_and_files_do_not_replace_each_other(
    cli: Cli, container: Container, folder: Path
) -> None:
    """Is a directory that would become a file refused, as the CLI asks for?"""
    said = cli("cp", "-", f"{container.name}:/", input=archive(etc="x"), text=False).stderr
    assert b'cannot overwrite directory "/etc" with non-directory "/"' in said


def test_links_stay_inside(client: docker.DockerClient, container: Container) -> None:
    """Do links of the container's lead to its own files, never to the host's?"""
    links = io.BytesIO()
    with tarfile.open(fileobj=links, mode="w") as tar:
        for name, target in (("up", "../../../../.."), ("root", "/"), ("proc", "/proc/1/root")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    container.put_archive("/vol", links.getvalue())
    own = set(members(container, "/etc/"))
    assert set(members(container, "/vol/up/etc/")) == own
    assert set(members(container, "/vol/root/etc/")) == own
    with pytest.raises(APIError):
        members(container, "/vol/proc/etc/")
    container.put_archive("/vol/root/tmp", archive(inside="x"))
    assert "tmp/inside" in members(container, "/tmp")
    _, stat = container.get_archive("/vol/up")
    assert (stat["name"], stat["linkTarget"]) == ("up", "/")


def test_read_only_places(client: docker.DockerClient, tmp_path: Path) -> None:
    """Is what the container may not write refused to `cp` too, and the rest not?"""
    made = client.containers.create(
        "busybox", "true", volumes=[f"{tmp_path}:/ro:ro", "rw:/rw"], read_only=True
    )
    with pytest.raises(APIError, match="mounted volume is marked read-only"):
        made.put_archive("/ro", archive(x="x"))
    with pytest.raises(APIError, match="container rootfs is marked read-only"):
        made.put_archive("/tmp", archive(x="x"))
    assert made.put_archive("/rw", archive(x="x"))
    made.remove()
    client.volumes.get("rw").remove()


def test_a_bound_folder(client: docker.DockerClient, cli: Cli, folder: Path) -> None:
    """Do files that go through a bind belong to the learner on the host?"""
    made = client.containers.run("busybox", "sleep 60", volumes=[f"{folder}:/b"], detach=True)
    assert cli("cp", str(folder / "file"), f"{made.name}:/b/copy").returncode == 0
    assert (folder / "copy").read_text() == "hello\n"
    assert (folder / "copy").stat().st_uid == os.getuid()
    assert "b/copy" in members(made, "/b")


def test_the_users_own(client: docker.DockerClient) -> None:
    """Does `cp -a` into a container give the files to its user?"""
    made = client.containers.create("busybox", "true", user="5:6")
    api = client.api
    answer = api._put(
        api._url("/containers/{0}/archive", made.id),
        params={"path": "/tmp", "copyUIDGID": True},
        data=archive(x="x"),
    )
    assert answer.status_code == 200
    assert (members(made, "/tmp/x")["x"].uid, members(made, "/tmp/x")["x"].gid) == (5, 6)
    assert {"Path": "/tmp/x", "Kind": 1} in made.diff()


def test_a_stopped_container_starts_with_what_was_copied(client: docker.DockerClient) -> None:
    """Are files copied before the start there after it, and is it told in events?"""
    made = client.containers.create("busybox", "cat /tmp/x")
    made.put_archive("/tmp", archive(x="copied"))
    made.start()
    made.wait()
    assert made.logs() == b"copied"
    members(made, "/etc")
    told = client.events(
        since=0, until=2**33, decode=True, filters={"container": made.id, "type": "container"}
    )
    wanted = ["create", "extract-to-dir", "start", "die", "archive-path"]
    assert [next(told)["Action"] for _ in wanted] == wanted
    told.close()


def test_all_of_a_container(container: Container) -> None:
    """Does the whole tree hold image and volume, and nothing of the kernel's own file systems?"""
    container.put_archive("/vol", archive(kept="x"))
    found = {name.strip("/") for name in members(container, "/")}
    assert {"etc/passwd", "vol/kept", "proc", "sys", "dev"} <= found
    assert not [name for name in found if name.startswith(("proc/", "sys/"))]


def test_an_archive_that_never_ends(
    own_engine: Callable[[], EngineProcess], tmp_path: Path
) -> None:
    """Does the engine stop in time although somebody is still sending to a stopped container?"""
    engine = own_engine()
    client = docker.DockerClient(base_url=engine.host)
    client.images.pull("busybox", "latest")
    host.require_one_kernel(engine)
    made = client.containers.create("busybox", "true")
    command = ["docker", "cp", "-", f"{made.id}:/tmp"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=cli_environ(engine, tmp_path)) as cp:
        assert cp.stdin is not None
        cp.stdin.write(archive(first="x")[:1024])
        cp.stdin.flush()
        path = Path(f"{engine.socket.with_suffix('')}/containers/{made.id}/rootfs")
        until(path.exists, what="the archive is being unpacked")
        # who waits for the same container holds the end up no more
        start = ["docker", "start", "-a", made.id]
        with subprocess.Popen(start, env=cli_environ(engine, tmp_path)) as waiting:
            filters = {"event": "attach"}
            until(
                lambda: list(client.events(since=0, until=time.time(), filters=filters)),
                what="the client has attached",
            )
            client.close()
            began = time.monotonic()
            assert engine.stop() == 0
            assert time.monotonic() - began < 12
            assert waiting.wait() != 0
        cp.stdin.close()
