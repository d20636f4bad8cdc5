"""The learner's disk: full, filling up, damaged, something else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import docker
import pytest

from lab.errors import Unavailable
from lab.sandbox.vm import disk
from tests.conftest import Start
from tests.vm.conftest import start_in


def test_a_disk_that_is_full(home: Path, folder: Path) -> None:
    """Is a host's disk without room for the learner's told as such?"""
    small = folder / "root"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", small]).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        with pytest.raises(Unavailable, match="No space left on device") as raised:
            start_in(home, folder)
        assert "free some room" in raised.value.message
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_disk_that_fills_up(start_vm: Start, folder: Path) -> None:
    """Does who fills the host's disk from inside hear so, and does everything else go on?"""
    small = folder / "root"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "none", small]).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        engine = start_vm(small, folder / "s")
        try:
            fill(engine.host)
        finally:
            code = engine.stop()
        assert code == 0
    finally:
        subprocess.run(["umount", small], check=True)


def fill(host: str) -> None:
    client = docker.DockerClient(base_url=host, timeout=60)
    client.images.pull("busybox", "latest")
    script = 'said=$(dd if=/dev/zero of=/big bs=1M count=300 2>&1); rm /big; echo "$said"'
    said = client.containers.run("busybox", ["sh", "-c", script])
    assert b"No space left on device" in said
    client.containers.prune()
    assert client.containers.run("busybox", "echo on", remove=True) == b"on\n"
    client.close()


def test_a_disk_that_is_damaged(home: Path, folder: Path) -> None:
    """Is a learner's disk that cannot be read told, once, with what to do?"""
    start_in(home, folder).stop()
    place = folder / "root" / "vm" / "disk.ext4"
    with place.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(40 * 4096))
    with pytest.raises(Unavailable, match="the lab's disk is damaged") as raised:
        start_in(home, folder)
    assert "lab reset" in str(raised.value.message) + raised.value.hint


def test_a_disk_that_is_none(home: Path, folder: Path) -> None:
    """Is something else in the place of the learner's disk told, and kept?"""
    place = folder / "root" / "vm" / "disk.ext4"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"letters" * 1000)
    with pytest.raises(Unavailable, match="is no disk of the lab"):
        start_in(home, folder)
    assert place.read_bytes() == b"letters" * 1000
    assert place.stat().st_size < disk.SIZE
