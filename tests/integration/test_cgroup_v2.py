"""Containers in groups of the kernel's version 2 hierarchy, also where it has no controllers."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from lab.kernel import procfs
from lab.sandbox import cgroup_tree, reset
from tests.conftest import until

from . import inside

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="groups of the host need root")


@pytest.fixture
def group() -> Iterator[Path]:
    """A group for a sandbox, without processes of its own."""
    tops = [Path(mount.mount_point) for mount in procfs.mounts() if mount.fstype == "cgroup2"]
    if not tops or not os.access(tops[0], os.W_OK):
        pytest.skip("no version 2 hierarchy here")
    folder = tops[0] / f"test-{secrets.token_hex(4)}"
    folder.mkdir()
    yield folder
    cgroup_tree.remove_tree(folder)
    assert not folder.exists()


def test_containers_have_a_group_each(group: Path, catalog: Path, short_tmp: Path) -> None:
    """Are processes of start and exec in the container's group, which it sees as the root?"""
    root, disk = short_tmp / "v2", short_tmp / "none"
    disk.mkdir()
    members = {"cgroups": {"unified": str(group)}}
    with inside.running(root, short_tmp / "v2.sock", catalog, disk, members) as engine:
        client = docker.DockerClient(base_url=engine.host)
        assert client.info()["CgroupVersion"] == "2"
        client.images.pull("busybox", "latest")
        container = client.containers.run("busybox", "sleep 100", detach=True)
        own = group / container.id
        assert len((own / "cgroup.procs").read_text().split()) == 1
        assert (group / "cgroup.procs").read_text() == ""
        script = "cat /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.procs; sleep 100 & wait"
        running = client.api.exec_create(container.id, ["sh", "-c", script])["Id"]
        client.api.exec_start(running, detach=True)
        until(lambda: len((own / "cgroup.procs").read_text().split()) == 3, what="the exec joins")
        code, said = container.exec_run(
            ["sh", "-c", "cat /proc/self/cgroup; mkdir /sys/fs/cgroup/x"]
        )
        lines = said.decode().splitlines()
        assert "0::/" in lines
        assert code == 1
        assert "Read-only file system" in lines[-1]
        container.kill()
        container.wait()
        assert not own.exists()
        for _ in range(5):
            assert client.containers.run("busybox", "cat /sys/fs/cgroup/cgroup.procs", remove=True)
        assert [entry for entry in group.iterdir() if entry.is_dir()] == []
        client.close()
    reset.remove(root)
