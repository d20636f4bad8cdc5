"""Where a build's files come from: stages, images, archives, addresses, the Dockerfile itself."""

from __future__ import annotations

import http.server
import io
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import docker
import pytest
from docker.errors import BuildError

from .images_of import build, cleaned

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def clean(client: docker.DockerClient) -> Iterator[None]:
    with cleaned(client):
        yield


@pytest.fixture
def web(tmp_path: Path, loopback: str) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which a web server shows it."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://{loopback}:{server.server_address[1]}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return None


def test_a_program_is_made_in_one_stage_and_used_in_another(
    cli: Cli, client: docker.DockerClient, tmp_path: Path
) -> None:
    """Is only what is copied in the last image, are steps counted over all, and cached?"""
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox AS maker\nRUN echo echo made > /made && chown 33:50 /made && chmod 4755 /made\n"
        "FROM busybox AS x\nCOPY --from=maker /made /bin/\nCMD made\n"
        "FROM busybox AS later\nRUN false\n"
    )
    made = cli("build", "-t", "two", "--target", "x", ".")
    assert "Step 5/5 : CMD made" in made.stdout
    again = cli("build", "-t", "two", "--target", "x", ".")
    assert again.stdout.count("Using cache") == 3
    listed = client.containers.run("two", "stat -c '%a %u:%g' /bin/made", remove=True)
    assert listed == b"4755 33:50\n"


def test_add_unpacks_and_fetches(client: docker.DockerClient, web: tuple[Path, str]) -> None:
    """Are archives of the context unpacked, and files of a web server only fetched?"""
    folder, address = web
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("in/side")
        member.size, member.uid, member.gid, member.mode = 1, 33, 50, 0o640
        archive.addfile(member, io.BytesIO(b"S"))
    (folder / "f.tgz").write_bytes(packed.getvalue())
    (folder / "context").write_bytes(
        _context(f"FROM busybox\nADD {address}/f.tgz t.tgz /d/\n", packed)
    )
    image, _ = client.images.build(path=f"{address}/context", tag="fetched", rm=True)
    assert image.tags == ["fetched:latest"]
    command = "sh -c 'stat -c %a:%u:%g /d/in/side; tar tzf /d/f.tgz'"
    output = client.containers.run("fetched", command, remove=True)
    assert output == b"640:33:50\nin/side\n"
    with pytest.raises(BuildError, match="404 File not found"):
        build(client, f"FROM busybox\nADD {address}/nosuch /x\n")


def test_root_file_system_is_imported_from_an_address(
    cli: Cli, client: docker.DockerClient, web: tuple[Path, str]
) -> None:
    """Does `docker import URL` fetch the archive, and say so when there is none?"""
    folder, address = web
    with tarfile.open(folder / "root.tar", "w") as archive:
        member = tarfile.TarInfo("hello")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"hi"))
    done = cli("import", "-c", 'CMD ["/hello"]', f"{address}/root.tar", "imported:1")
    assert done.returncode == 0 and "Downloading from" in done.stdout
    image = client.images.get("imported:1")
    assert image.attrs["Config"]["Cmd"] == ["/hello"]
    assert len(image.attrs["RootFS"]["Layers"]) == 1
    missing = cli("import", f"{address}/nosuch", "imported:2")
    assert missing.returncode == 1 and "404" in missing.stderr


def test_here_documents(client: docker.DockerClient) -> None:
    """Are they run, written to files, and given to the interpreter that they name?"""
    build(
        client,
        "FROM busybox\nENV who=you\nRUN <<EOF\nset -e\necho one > /one\necho $who >> /one\nEOF\n"
        'RUN <<EOF\n#!/bin/busybox awk -f\nBEGIN { print 6 * 7 > "/two" }\nEOF\n'
        "COPY --chmod=700 <<EOF /three\nhello $who\nEOF\n",
        tag="here",
    )
    output = client.containers.run("here", "cat /one /two /three", remove=True)
    assert output == b"one\nyou\n42\nhello you\n"


def test_a_volume_of_the_image_holds_nothing_of_later_steps(
    cli: Cli, client: docker.DockerClient
) -> None:
    """Is what RUN writes into a declared volume lost, and is no volume left, as with Docker?"""
    before = {volume.id for volume in client.volumes.list()}
    build(
        client,
        "FROM busybox\nRUN mkdir /data && echo kept > /data/a\nVOLUME /data\n"
        "RUN ls /data && echo lost > /data/b\n",
        tag="voluminous",
    )
    assert {volume.id for volume in client.volumes.list()} == before
    assert cli("run", "--rm", "voluminous", "ls", "/data").stdout == "a\n"


def test_settings_of_an_image(cli: Cli, client: docker.DockerClient, tmp_path: Path) -> None:
    """Do HEALTHCHECK, VOLUME and ONBUILD arrive, and do triggers run in the next build?"""
    parent, _ = build(
        client,
        "FROM busybox\nHEALTHCHECK --interval=2s --retries=2 CMD true\nVOLUME /data\n"
        "ONBUILD RUN echo triggered > /t\n",
        tag="parent",
    )
    config = parent.attrs["Config"]
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "true"],
        "Interval": 2_000_000_000,
        "Retries": 2,
    }
    assert config["Volumes"] == {"/data": {}}
    assert config["OnBuild"] == ["RUN echo triggered > /t"]
    (tmp_path / "Dockerfile").write_text("FROM parent\nHEALTHCHECK NONE\nVOLUME []\n")
    made = cli("build", "-t", "child", ".")
    assert made.returncode == 1 and "VOLUME requires at least one argument" in made.stderr
    (tmp_path / "Dockerfile").write_text("FROM parent\nHEALTHCHECK NONE\n")
    made = cli("build", "-t", "child", ".")
    assert "# Executing 1 build trigger\n ---> Running in " in made.stdout
    assert "Note: overriding previous HEALTHCHECK: [CMD-SHELL true]" in made.stdout
    config = client.images.get("child").attrs["Config"]
    assert config["OnBuild"] is None


def test_cache_from_an_image_that_came_from_elsewhere(client: docker.DockerClient) -> None:
    """Are steps found in the history of an image that brought no record of its build?"""
    text = "FROM busybox\nRUN echo a > /a\nENV x=1\nRUN echo b > /b\n"
    build(client, text, tag="source")
    api = client.api
    stream = list(api.build(fileobj=_dockerfile(text), cache_from=["busybox"], decode=True))
    assert not any("Using cache" in line.get("stream", "") for line in stream)
    stream = list(api.build(fileobj=_dockerfile(text), cache_from=["source"], decode=True))
    assert sum("Using cache" in line.get("stream", "") for line in stream) == 3


def _dockerfile(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())


def _context(text: str, packed: io.BytesIO) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in (("Dockerfile", text.encode()), ("t.tgz", packed.getvalue())):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def test_file_capabilities_are_kept(cli: Cli, client: docker.DockerClient, tmp_path: Path) -> None:
    """Does a program keep the right that its file gives it, out of an archive and another stage?"""
    with tarfile.open(tmp_path / "program.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("opt/busybox")
        member.mode = 0o755
        content = _program(client)
        member.size = len(content)
        member.pax_headers = {"SCHILY.xattr.security.capability": _NET_ADMIN}
        archive.addfile(member, io.BytesIO(content))
    (tmp_path / "Dockerfile").write_text(
        "FROM busybox AS maker\nADD program.tar /\n"
        "FROM busybox\nCOPY --from=maker /opt /opt\nUSER 1000\n"
        "CMD /opt/busybox grep CapEff /proc/self/status\n"
    )
    assert cli("build", "-t", "capable", ".").returncode == 0
    shown = client.containers.run("capable", remove=True, cap_add=["NET_ADMIN"])
    assert shown == b"CapEff:\t0000000000001000\n"


_NET_ADMIN = "\x01\0\0\x02\0\x10\0\0" + "\0" * 12
"""A file capability of revision 2: CAP_NET_ADMIN, effective.  Source: capabilities(7)."""


def _program(client: docker.DockerClient) -> bytes:
    made = client.containers.create("busybox")
    pieces, _ = made.get_archive("/bin/busybox")
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
        (member,) = archive.getmembers()
        content = archive.extractfile(member)
        assert content is not None
        return content.read()


def test_the_network_of_a_container(cli: Cli, client: docker.DockerClient, tmp_path: Path) -> None:
    """Do the commands of a build have the network of a container, and is one missed that is not?"""
    serve = ["httpd", "-f", "-p", "80", "-h", "/etc"]
    server = client.containers.run("busybox", serve, detach=True, hostname="of-the-server")
    text = "FROM busybox\nRUN wget -qO- http://127.0.0.1/hostname; hostname\n"
    (tmp_path / "Dockerfile").write_text(text)
    made = cli("build", "--no-cache", "--network", f"container:{server.name}", ".")
    assert made.returncode == 0 and made.stdout.count("of-the-server\n") == 2
    missed = cli("build", "--no-cache", "--network", "container:nosuch", ".")
    assert missed.returncode == 1 and "No such container: nosuch" in missed.stderr
