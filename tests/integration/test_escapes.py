"""What a container must never reach, tried from containers with every capability."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from lab.kernel import procfs
from lab.sandbox.process import EngineProcess
from tests.integration.test_sandbox import parts


def tried(client: docker.DockerClient, script: str, *binds: str) -> list[str]:
    """Run a script with all capabilities; return what it said."""
    output = client.containers.run(
        "busybox", ["sh", "-c", script], remove=True, volumes=list(binds), cap_add=["ALL"]
    )
    return list(output.decode().splitlines())


@pytest.mark.parametrize("place", ["/x", "/dev/x", "/proc/sys/x", "/sys/x"])
def test_the_cover_of_the_engine_s_state_stays(
    client: docker.DockerClient, engine: EngineProcess, place: str
) -> None:
    """Can nobody take the cover off the engine's folder, wherever a folder above it is bound?"""
    if place.startswith(("/proc", "/sys")):
        # there is no folder in there to bind to, and none can be made
        with pytest.raises(docker.errors.APIError, match="error mounting"):
            tried(client, "true", f"{engine.socket.parent}:{place}")
        return
    root = engine.socket.with_suffix("").name
    script = f"""
        umount {place}/{root} 2>/dev/null && echo uncovered
        umount -l {place}/{root} 2>/dev/null && echo uncovered
        mount -o bind {place} /mnt 2>/dev/null; ls /mnt/{root}/content 2>/dev/null && echo seen
        mount -o move {place}/{root} /mnt 2>/dev/null && echo moved
        ls {place}/{root}/content 2>/dev/null && echo seen
        ls {place} | grep -c '^{root}$'"""
    assert tried(client, script, f"{engine.socket.parent}:{place}") == ["1"]


@pytest.mark.parametrize("place", ["/x", "/dev/x"])
def test_read_only_stays_read_only(client: docker.DockerClient, tmp_path: Path, place: str) -> None:
    """Can no privilege make a folder writable that was bound with :ro?"""
    script = f"""
        mount -o remount,rw,bind {place} 2>/dev/null && echo remounted
        mount -o remount,rw {place} 2>/dev/null && echo remounted
        mount -o bind {place} /mnt 2>/dev/null && mount -o remount,rw,bind /mnt 2>/dev/null
        touch {place}/made /mnt/made 2>/dev/null; true"""
    assert tried(client, script, f"{tmp_path}:{place}:ro") == []
    assert not (tmp_path / "made").exists()


@pytest.mark.usefixtures("one_kernel")
def test_the_sandbox_s_processes_are_closed(client: docker.DockerClient) -> None:
    """Is nothing of daemon and spawner open where the sandbox's own /proc is bound?"""
    script = """
        for pid in 1 2; do
            test -d /p/$pid && echo there
            for file in environ maps mem stack syscall; do
                cat /p/$pid/$file >/dev/null 2>&1 && echo open $pid $file
            done
            for folder in fd root cwd map_files; do
                ls /p/$pid/$folder/ >/dev/null 2>&1 && echo open $pid $folder
            done
            readlink /p/$pid/exe /p/$pid/ns/net && echo link $pid
            echo 1000 2>/dev/null >/p/$pid/oom_score_adj && echo written $pid
        done; true"""
    assert tried(client, script, "/proc:/p") == ["there", "there"]


def test_control_groups_are_not_the_container_s(client: docker.DockerClient) -> None:
    """Can a container not lift its own limits, also in a mount of its own?

    Groups below its own it can make where its root is the one whom they were handed to.
    """
    script = """
        mkdir /c; mount -t cgroup -o memory c /c 2>/dev/null || mount -t cgroup2 c /c 2>/dev/null
        for top in /c /sys/fs/cgroup /sys/fs/cgroup/memory; do
            mount -o remount,rw $top 2>/dev/null
            for file in memory.limit_in_bytes memory.max release_agent cgroup.procs tasks; do
                test -e $top/$file || continue
                (echo 0 >$top/$file) 2>/dev/null && echo written $top/$file
            done
            test -e $top/tasks -o -e $top/cgroup.procs || continue
            mkdir $top/more 2>/dev/null && echo made $top/more
        done
        umount -l /sys/fs/cgroup 2>/dev/null; true"""
    handed_over = {"made /c/more", "written /c/cgroup.procs"}
    assert set(tried(client, script)) <= (handed_over if owns_its_groups(client) else set())


def owns_its_groups(client: docker.DockerClient) -> bool:
    """Say whether a container's root is the owner of the container's group."""
    script = "stat -c %u /sys/fs/cgroup/cgroup.procs 2>/dev/null || true"
    shown: bytes = client.containers.run("busybox", ["sh", "-c", script], remove=True)
    return shown == b"0\n"


@pytest.mark.usefixtures("one_kernel")
def test_the_kernel_s_own_files(client: docker.DockerClient) -> None:
    """Can a container not write what belongs to the whole machine, with the covers of /proc gone?"""
    script = """
        umount /proc/sys /proc/sysrq-trigger 2>/dev/null
        mkdir /p; mount -t proc p /p
        for top in /proc /p; do
            for file in sys/kernel/core_pattern sys/kernel/hostname_ sys/vm/drop_caches sysrq-trigger; do
                (echo x >$top/$file) 2>/dev/null && echo written $file
            done
        done
        mknod /disk b 8 0 2>/dev/null && echo device
        ls /p | grep -c '^[0-9]'"""
    (count,) = tried(client, script)
    # its own processes, and no others
    assert int(count) < 6


def test_nothing_is_open_in_a_container(catalog: Path, short_tmp: Path) -> None:
    """Does a container inherit nothing that was open where the lab was started?"""
    secret = os.open("/etc/hostname", os.O_RDONLY)
    folder = os.open("/", os.O_RDONLY)
    argv = [sys.executable, "-m", "lab.cli", "engine", "--root", f"{short_tmp}/inherit"]
    argv += ["--socket", f"{short_tmp}/inherit.sock", "--catalog", str(catalog)]
    with subprocess.Popen(
        [*argv, "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(secret, folder),
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    ) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        client = docker.DockerClient(base_url=f"unix://{short_tmp}/inherit.sock")
        client.images.pull("busybox", "latest")
        show = ["sh", "-c", "ls -l /proc/self/fd 2>/dev/null | grep -o '[0-9]* -> .*'"]
        for tty in (False, True):
            shown = client.containers.run("busybox", show, remove=True, tty=tty).decode()
            targets = {line.split()[0]: line.split()[2] for line in shown.splitlines()}
            assert {number for number in targets if int(number) > 2} <= {"3"}, shown
            assert targets.get("3", "/proc").startswith("/proc")
        container = client.containers.run("busybox", "sleep 1000", detach=True)
        shown = container.exec_run(show).output.decode()
        assert {line.split()[0] for line in shown.splitlines()} <= {"0", "1", "2", "3"}, shown
        client.close()
        process.communicate()
    os.close(secret)
    os.close(folder)


@pytest.mark.usefixtures("one_kernel")
def test_the_interpreter_is_read_only(own_engine: Callable[[], EngineProcess]) -> None:
    """Is the program that a container's first process is, until it execs, safe from what it execs?"""
    engine = own_engine()
    program = os.path.realpath(sys.executable)
    for name in ("spawner", "daemon"):
        mounts = procfs.mounts(parts(engine)[name])
        (found,) = [mount for mount in mounts if mount.mount_point == program]
        assert "ro" in found.options.split(",")
    assert program not in {mount.mount_point for mount in procfs.mounts()}
