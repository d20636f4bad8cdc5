"""Volumes: made, listed, used by containers, filled from images, removed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, NotFound
from docker.types import Mount

from .images_of import build, cleaned

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def no_volume_stays(client: docker.DockerClient) -> Iterator[None]:
    """Volumes that a test made are removed with its containers."""
    yield
    for container in client.containers.list(all=True, ignore_removed=True):
        container.remove(force=True, v=True)
    for volume in client.volumes.list():
        volume.remove()


def run(client: docker.DockerClient, script: str, image: str = "busybox", **options: object) -> str:
    output = client.containers.run(image, ["sh", "-c", script], remove=True, **options)
    return output.decode().strip()


def names(client: docker.DockerClient, **filters: object) -> list[str]:
    return [volume.name for volume in client.volumes.list(filters=filters)]


def test_the_commands(cli: Cli) -> None:
    """Do create, ls, inspect and rm print what Docker prints?"""
    assert cli("volume", "create", "--label", "a=b", "mydata").stdout == "mydata\n"
    assert cli("volume", "create", "mydata").stdout == "mydata\n"
    listed = cli("volume", "ls", "--filter", "name=mydata").stdout
    assert listed == "DRIVER    VOLUME NAME\nlocal     mydata\n"
    [shown] = json.loads(cli("volume", "inspect", "mydata").stdout)
    assert shown["Mountpoint"].endswith("/volumes/mydata/_data")
    assert (shown["Driver"], shown["Scope"], shown["Labels"]) == ("local", "local", {"a": "b"})
    assert cli("volume", "rm", "mydata").stdout == "mydata\n"
    missing = cli("volume", "rm", "mydata")
    assert missing.returncode == 1
    assert missing.stderr == "Error response from daemon: get mydata: no such volume\n"
    assert cli("volume", "rm", "-f", "mydata").returncode == 0


def test_data_outlive_containers(client: docker.DockerClient) -> None:
    """Does one container find what another wrote, and only read where it may only read?"""
    run(client, "echo kept > /data/file", volumes=["data:/data"])
    script = "cat /data/file; echo x > /data/file || echo refused"
    said = run(client, script, volumes=["data:/data:ro"], stderr=False)
    assert said.split() == ["kept", "refused"]


def test_a_volume_in_use_stays(client: docker.DockerClient, cli: Cli) -> None:
    """Is removal refused, with the container's id, as long as a container has the volume?"""
    container = client.containers.create("busybox", "true", volumes=["data:/data"])
    refused = cli("volume", "rm", "data")
    assert refused.stderr == (
        f"Error response from daemon: remove data: volume is in use - [{container.id}]\n"
    )
    assert names(client, dangling=True) == []
    assert [each.id for each in client.containers.list(all=True, filters={"volume": "data"})] == [
        container.id
    ]
    container.remove(v=True)
    assert names(client, dangling=True) == ["data"]


def test_a_new_volume_gets_the_images_content(client: docker.DockerClient) -> None:
    """Are content, owners, modes and links copied into an empty volume, and only there?"""
    place = "/usr/share/nginx/html"
    list_all = f"cd {place}; stat -c '%u %g %a' .; stat -c '%n %u %g %a %Y' *; cat index.html"
    inside = run(client, list_all, "nginx")
    assert run(client, list_all, "nginx", volumes=[f"web:{place}"]).split() == inside.split()
    run(client, "rm /w/50x.html", volumes=["web:/w"])
    assert "50x" not in run(client, f"ls {place}", "nginx", volumes=[f"web:{place}"])
    assert run(client, f"ls {place}", "nginx", volumes=[f"bare:{place}:nocopy"]) == ""


def test_volumes_of_an_image(client: docker.DockerClient) -> None:
    """Does VOLUME make an anonymous volume with the image's content and owner, gone with `rm -v`?"""
    dockerfile = (
        "FROM debian\nRUN mkdir -m 750 /d && touch /d/x && chown -R 33:44 /d\n"
        "VOLUME /d\nRUN touch /d/lost\n"
    )
    with cleaned(client):
        build(client, dockerfile, tag="with-volume")
        assert names(client) == []
        script = "stat -c '%u %g %a' /d /d/x; ls /d"
        container = client.containers.create("with-volume", ["sh", "-c", script])
        [mount] = client.api.inspect_container(container.id)["Mounts"]
        assert (mount["Type"], mount["Destination"], mount["Driver"]) == ("volume", "/d", "local")
        assert names(client) == [mount["Name"]]
        assert client.volumes.get(mount["Name"]).attrs["Labels"] == {
            "com.docker.volume.anonymous": ""
        }
        container.start()
        container.wait()
        assert container.logs().decode().splitlines() == ["33 44 750", "33 44 644", "x"]
        container.remove(v=True)
        assert names(client) == []


def test_anonymous_volumes(client: docker.DockerClient, cli: Cli) -> None:
    """Do they go with --rm and `rm -v`, but not with `rm`, and named ones never?"""
    assert cli("run", "--rm", "-v", "/data", "-v", "named:/n", "busybox", "true").returncode == 0
    assert names(client) == ["named"]
    assert cli("run", "--name", "stays", "-v", "/data", "busybox", "true").returncode == 0
    cli("rm", "stays")
    [left] = names(client, dangling=True, label="com.docker.volume.anonymous")
    pruned = client.volumes.prune()
    assert pruned["VolumesDeleted"] == [left]
    assert names(client) == ["named"]


def test_volumes_from(client: docker.DockerClient) -> None:
    """Does a container get all places of another one, read-only if it is told so?"""
    first = client.containers.create("busybox", "true", volumes=["data:/data"])
    run(client, "echo x > /data/file", volumes_from=[first.id])
    said = run(client, "cat /data/file; touch /data/y || echo no", volumes_from=[f"{first.id}:ro"])
    assert said.split() == ["x", "no"]
    with pytest.raises(NotFound, match="No such container: nobody"):
        client.containers.create("busybox", volumes_from=["nobody"])


def test_mounts_of_all_types(client: docker.DockerClient, tmp_path: Path) -> None:
    """Does --mount do what it says, and `inspect` tell it?"""
    (tmp_path / "file").write_text("bound")
    client.volumes.create("data")
    mounts = [
        Mount("/b", str(tmp_path), type="bind", read_only=True),
        Mount("/v", "data", type="volume", labels={"made": "here"}),
        Mount("/t", None, type="tmpfs", tmpfs_size=1 << 20),
    ]
    script = "cat /b/file; touch /b/x || echo no; touch /v/x /t/x && df -k /t | tail -1"
    container = client.containers.create("busybox", ["sh", "-c", script], mounts=mounts)
    shown = {each["Destination"]: each for each in container.attrs["Mounts"]}
    assert {place: (each["Type"], each["RW"]) for place, each in shown.items()} == {
        "/b": ("bind", False),
        "/v": ("volume", True),
        "/t": ("tmpfs", True),
    }
    container.start()
    container.wait()
    said = container.logs(stderr=False).decode().split()
    assert said[0] == "boundno"
    assert said[2] == "1024"
    with pytest.raises(APIError, match="bind source path does not exist: /not/there"):
        client.containers.create("busybox", mounts=[Mount("/b", "/not/there", type="bind")])


def test_a_part_of_a_volume(client: docker.DockerClient, cli: Cli) -> None:
    """Can a folder of a volume be shown alone, but nothing that a link in it leads to outside?"""
    run(client, "mkdir /d/in; echo x > /d/in/file; ln -s /etc /d/out", volumes=["data:/d"])
    option = "type=volume,src=data,dst=/p,volume-subpath="
    assert cli("run", "--rm", "--mount", option + "in", "busybox", "ls", "/p").stdout == "file\n"
    refused = cli("run", "--rm", "--mount", option + "out", "busybox", "ls", "/p")
    assert refused.returncode != 0


def test_mounts_inside_mounts(client: docker.DockerClient, tmp_path: Path) -> None:
    """Is nothing covered by what lies above it, whatever the order?"""
    (tmp_path / "file").write_text("x")
    said = run(
        client,
        "ls -d /a/t/b/file; touch /a/v /a/t/t; ls /a; ls /a/t",
        volumes=[f"{tmp_path}:/a/t/b", "data:/a"],
        tmpfs={"/a/t": ""},
    )
    assert said.split() == ["/a/t/b/file", "t", "v", "b", "t"]


def test_a_read_only_container_writes_where_it_may(client: docker.DockerClient) -> None:
    """Can it write to its volumes and tmpfs, also where the image has no such folder?"""
    said = run(
        client,
        "touch /new/tmp/x /new/data/x && echo written; touch /x 2>/dev/null || echo refused",
        read_only=True,
        tmpfs={"/new/tmp": ""},
        volumes=["data:/new/data"],
    )
    assert said.split() == ["written", "refused"]


def test_a_volume_in_memory(client: docker.DockerClient) -> None:
    """Does a tmpfs volume live as long as a container uses it, shared by all that do?"""
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=1000"}
    client.volumes.create("fast", driver_opts=options)
    keeper = client.containers.run("busybox", "sleep 60", volumes=["fast:/f"], detach=True)
    assert run(client, "stat -c %u /f; echo x > /f/x", volumes=["fast:/f"]) == "1000"
    assert keeper.exec_run("cat /f/x").output == b"x\n"
    keeper.remove(force=True)
    assert run(client, "ls /f", volumes=["fast:/f"]) == ""


def test_a_volume_of_the_hosts(client: docker.DockerClient, tmp_path: Path) -> None:
    """Can a volume stand for a folder of the host?"""
    (tmp_path / "file").write_text("x")
    options = {"type": "none", "device": str(tmp_path), "o": "bind"}
    client.volumes.create("mine", driver_opts=options)
    assert run(client, "cat /m/file", volumes=["mine:/m"]) == "x"
    client.volumes.get("mine").remove()
    assert (tmp_path / "file").exists()


def test_a_volume_of_a_missing_folder(client: docker.DockerClient, cli: Cli) -> None:
    """Is it refused at the start, or at the creation if the image has content for it, as by Docker?"""
    options = {"type": "none", "device": "/not/there", "o": "bind"}
    place = client.volumes.create("missing", driver_opts=options).attrs["Mountpoint"]
    failed = (
        f"failed to mount local volume: mount /not/there:{place}, flags: 0x1000: "
        "no such file or directory"
    )
    created = cli("create", "-v", "missing:/nowhere", "busybox", "true")
    assert created.returncode == 0
    started = cli("start", created.stdout.strip()).stderr.splitlines()[0]
    assert started == (
        f"Error response from daemon: error while mounting volume '{place}': {failed}"
    )
    refused = cli("create", "--name", "refused", "-v", "missing:/etc", "busybox", "true")
    assert refused.stderr == f"Error response from daemon: {failed}\n"
    with pytest.raises(NotFound):
        client.containers.get("refused")


def test_events(client: docker.DockerClient) -> None:
    """Are creation, mounting, unmounting and removal told, in Docker's attributes?"""
    container = client.containers.run("busybox", "true", volumes=["told:/t:ro"], detach=True)
    container.wait()
    container.remove()
    client.volumes.get("told").remove()
    told = client.events(
        since=0, until=2**33, decode=True, filters={"type": "volume", "volume": "told"}
    )
    events = [next(told) for _ in range(4)]
    told.close()
    assert [each["Action"] for each in events] == ["create", "mount", "unmount", "destroy"]
    assert events[1]["Actor"]["Attributes"] == {
        "driver": "local",
        "container": container.id,
        "destination": "/t",
        "propagation": "",
        "read/write": "false",
    }


def test_filters(client: docker.DockerClient) -> None:
    """Does each filter of `volume ls` choose what it should?"""
    client.volumes.create("one", labels={"tier": "web"})
    client.volumes.create("two", labels={"tier": "db"})
    assert names(client, name="^o") == ["one"]
    assert names(client, label="tier=db") == ["two"]
    assert names(client, label="tier", driver="local") == ["one", "two"]
    assert names(client, driver="nfs") == []
    with pytest.raises(APIError, match="invalid filter 'colour'"):
        names(client, colour="red")


def test_prune_frees_what_it_says(client: docker.DockerClient, cli: Cli) -> None:
    """Does `volume prune -a` remove unused volumes, spare labelled ones, and count their bytes?"""
    client.volumes.create("spared", labels={"keep": ""})
    run(client, "head -c 100000 /dev/zero > /d/x; ln /d/x /d/y", volumes=["big:/d"])
    said = cli("volume", "prune", "-a", "-f", "--filter", "label!=keep").stdout
    assert said == "Deleted Volumes:\nbig\n\nTotal reclaimed space: 100kB\n"
    assert names(client) == ["spared"]
