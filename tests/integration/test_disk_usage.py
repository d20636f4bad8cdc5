"""`docker system df`, and the commands that remove what is not needed."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import docker
import pytest
from docker.errors import APIError

from lab.sandbox.process import EngineProcess
from tests.conftest import docker_cli, until
from tests.integration import host

from .images_of import build, cleaned

Cli = Callable[..., subprocess.CompletedProcess[str]]
MIB = 1 << 20


def written(client: docker.DockerClient, size: int, **options: object) -> docker.models.containers:
    """A container that has ended, with `size` bytes in its writable layer."""
    script = f"head -c {size} /dev/zero > /data"
    container = client.containers.run("busybox", ["sh", "-c", script], detach=True, **options)
    container.wait()
    return container


def files_below(folder: Path) -> list[str]:
    # what vanishes while it looks is no error
    return [name for _, _, names in os.walk(folder) for name in names]


def test_shared_layers_are_counted_once(client: docker.DockerClient) -> None:
    """Is a base that two images share one part of the sum, and each image's own the other?"""
    before = client.df()
    with cleaned(client):
        for name in ("one", "two"):
            build(client, f"FROM debian\nRUN head -c {MIB} /dev/zero > /{name}", tag=name)
        usage = client.df()
        assert usage["LayersSize"] - before["LayersSize"] == 2 * MIB
        images = {each["RepoTags"][0]: each for each in usage["Images"] if each["RepoTags"]}
        base = images["debian:latest"]
        assert base["SharedSize"] == base["Size"]
        for name in ("one:latest", "two:latest"):
            assert images[name]["Size"] - images[name]["SharedSize"] == MIB
            assert images[name]["Containers"] == 0
        client.containers.create("one")
        counted = {each["Id"]: each["Containers"] for each in client.df()["Images"]}
        assert counted[images["one:latest"]["Id"]] == 1


def test_containers_and_volumes_are_counted(client: docker.DockerClient, cli: Cli) -> None:
    """Does it tell what containers have written, and how large volumes are and who has them?"""
    container = written(client, 3 * MIB, volumes=["counted:/v"])
    client.containers.run(
        "busybox", f"sh -c 'head -c {MIB} /dev/zero > /v/x'", volumes=["counted:/v"], remove=True
    )
    usage = client.df()
    [shown] = [each for each in usage["Containers"] if each["Id"] == container.id]
    assert shown["SizeRw"] == 3 * MIB
    [volume] = [each for each in usage["Volumes"] if each["Name"] == "counted"]
    assert volume["UsageData"] == {"Size": MIB, "RefCount": 1}
    table = cli("system", "df").stdout.splitlines()
    assert table[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    assert [line.split("  ")[0] for line in table[1:]] == [
        "Images",
        "Containers",
        "Local Volumes",
        "Build Cache",
    ]
    assert re.search(r"^counted +1 +1\.049MB$", cli("system", "df", "-v").stdout, re.MULTILINE)
    container.remove()
    client.volumes.get("counted").remove()
    refused = client.api._get(client.api._url("/system/df?type=what"))
    assert (refused.status_code, refused.json()["message"]) == (400, "unknown object type: what")


def test_container_prune(client: docker.DockerClient, cli: Cli) -> None:
    """Are stopped containers removed, but none that runs, is younger, or has a label to spare it?"""
    running = client.containers.run("busybox", "sleep 60", detach=True)
    ended = written(client, MIB, labels={"a": "1"})
    spared = written(client, MIB, labels={"keep": ""})
    for chosen in ({"label": "a=2"}, {"until": "1h"}):
        assert client.containers.prune(chosen)["ContainersDeleted"] is None
    said = cli("container", "prune", "-f", "--filter", "label!=keep").stdout
    assert said == f"Deleted Containers:\n{ended.id}\n\nTotal reclaimed space: 1.049MB\n"
    assert {running.id, spared.id} <= {each.id for each in client.containers.list(all=True)}
    with pytest.raises(APIError, match="invalid filter 'colour'"):
        client.containers.prune({"colour": "red"})
    filters = {"event": "prune", "type": "container"}
    told = client.events(since=0, until=time.time(), decode=True, filters=filters)
    assert str(MIB) in [each["Actor"]["Attributes"]["reclaimed"] for each in told]


def test_everything_pruned_leaves_nothing_on_the_disk(
    own_engine: Callable[[], EngineProcess], tmp_path: Path
) -> None:
    """After all prunings, is what `system df` tells, nothing, also what the disk holds?"""
    engine = own_engine()
    client = docker.DockerClient(base_url=engine.host)
    client.images.pull("busybox", "latest")
    build(client, "FROM busybox\nRUN echo x > /made\nRUN echo y > /made", tag="built")
    written(client, MIB, volumes=["pruned:/v", "/anonymous"])
    client.close()
    around = host.is_around(engine)
    said = docker_cli(engine, tmp_path, "system", "prune", "-a", "-f", "--volumes").stdout
    assert "Deleted Containers:" in said
    assert "deleted: sha256:" in said
    docker_cli(engine, tmp_path, "volume", "prune", "-a", "-f")
    rows = docker_cli(engine, tmp_path, "system", "df", "--format", "{{.TotalCount}} {{.Size}}")
    assert rows.stdout == "0 0B\n" * 4
    if not around:
        pytest.skip("what the disk holds is seen in the guest alone")
    root = engine.socket.with_suffix("")
    until(lambda: not files_below(root / "snapshots") and not files_below(root / "volumes-removed"))
    assert not files_below(root / "content")
    assert not files_below(root / "volumes")
    assert not any((root / "containers").iterdir())
