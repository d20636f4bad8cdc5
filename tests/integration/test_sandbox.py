"""The sandbox: nothing of the host changes, and whatever is killed, nothing stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from lab.kernel import procfs
from lab.sandbox.process import EngineProcess
from tests.conftest import until
from tests.integration import host

Start = Callable[[], EngineProcess]


def parts(engine: EngineProcess) -> dict[str, int]:
    """The pids of an engine's processes, as the host sees them."""
    found = {"launcher": engine.process.pid}
    for pid, command in host.commands(host.descendants(engine.process.pid)).items():
        # the spawner's command line has the daemon's in it; what it forks has its own
        if "from lab.runtime.spawner import" in command:
            if host.parent(pid) == engine.process.pid:
                found["spawner"] = pid
        elif "from lab.daemon import" in command:
            found["daemon"] = pid
    if set(found) == {"launcher"}:
        host.require_one_kernel(engine)
    assert set(found) == {"launcher", "daemon", "spawner"}
    return found


def busy(engine: EngineProcess) -> None:
    """Let an engine have containers, a network, a published port."""
    client = docker.DockerClient(base_url=engine.host)
    client.images.pull("busybox", "latest")
    for _ in range(2):
        client.containers.run("busybox", "sleep 1000", detach=True, ports={"80/tcp": None})
    client.close()


def test_nothing_of_the_host_changes(own_engine: Start) -> None:
    """Are mounts, links and settings of the host the same while an engine runs, and after?"""
    before = host.Host.look()
    engine = own_engine()
    busy(engine)
    assert host.Host.look() == before
    assert engine.stop() == 0
    assert host.Host.look() == before


@pytest.mark.parametrize("victim", ["launcher", "spawner", "daemon"])
def test_killing_any_part_ends_all(own_engine: Start, victim: str) -> None:
    """Is everything gone after kill -9 of any one process, and the next start clean?"""
    before = host.Host.look()
    engine = own_engine()
    busy(engine)
    family = host.descendants(engine.process.pid)
    spaces = host.network_namespaces(family) - {procfs.namespace("self", "net")}
    victims = parts(engine)
    assert len(family) >= 5 and len(spaces) == 3
    os.kill(victims[victim], signal.SIGKILL)
    until(lambda: not host.alive(family), limit=10, what=f"all of {host.commands(family)} end")
    engine.process.wait(10)
    assert host.Host.look() == before
    assert not spaces & host.network_namespaces()
    own = f"lab-{engine.process.pid}-"
    again = own_engine()
    assert not [path for path in host.cgroup_folders() if own in path]
    client = docker.DockerClient(base_url=again.host)
    assert [each.status for each in client.containers.list(all=True)] == ["exited", "exited"]
    client.close()


def test_a_stopped_engine_leaves_no_cgroup(own_engine: Start) -> None:
    """Are the folders in the host's hierarchies gone when the engine has stopped?"""
    engine = own_engine()
    busy(engine)
    own = f"lab-{engine.process.pid}-"
    assert engine.stop() == 0
    assert not [path for path in host.cgroup_folders() if own in path]


def test_namespaces_are_as_designed(own_engine: Start) -> None:
    """Has the daemon the host's network, the spawner one of its own, a container all of its own?"""
    engine = own_engine()
    busy(engine)
    pids = parts(engine)
    ours = {name: procfs.namespace("self", name) for name in ("net", "user", "pid", "mnt")}
    daemon = {name: procfs.namespace(pids["daemon"], name) for name in ours}
    spawner = {name: procfs.namespace(pids["spawner"], name) for name in ours}
    assert daemon["net"] == ours["net"] and spawner["net"] != ours["net"]
    assert daemon["user"] == spawner["user"] != ours["user"]
    sleeper = next(
        pid
        for pid, command in host.commands(host.descendants(engine.process.pid)).items()
        if command.startswith("sleep 1000")
    )
    for name in ("net", "user", "pid", "mnt", "uts", "ipc", "cgroup"):
        assert procfs.namespace(sleeper, name) != procfs.namespace(pids["spawner"], name)


def test_nobody_inside_is_root_outside(own_engine: Start) -> None:
    """Has no process of a container the host's id 0, when root has started the lab?"""
    if os.getuid() != 0:
        pytest.skip("only root's lab has this promise; a user's containers run as that user")
    engine = own_engine()
    busy(engine)
    for pid, command in host.commands(host.descendants(engine.process.pid)).items():
        if command.startswith("sleep"):
            status = Path(f"/proc/{pid}/status").read_text()
            uids = next(line for line in status.splitlines() if line.startswith("Uid:"))
            assert "0" not in uids.split()[1:]


def test_daemon_and_spawner_are_undumpable(own_engine: Start) -> None:
    """Are the files of daemon and spawner in /proc closed to others of their own id?"""
    engine = own_engine()
    for name in ("daemon", "spawner"):
        pid = parts(engine)[name]
        # the kernel gives the files of an undumpable process to the host's root
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        probe = os.fork()
        if probe == 0:
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            try:
                os.readlink(f"/proc/{pid}/ns/net")
                os._exit(1)
            except OSError:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(probe, 0)[1]) == 0


def test_two_engines_on_one_folder(own_engine: Start) -> None:
    """Is a second engine on the same folder refused, with what to do?"""
    from lab.errors import Unavailable

    own_engine()
    with pytest.raises(Unavailable, match="another engine is already running"):
        own_engine()


def test_the_socket_is_for_its_owner_only(own_engine: Start) -> None:
    """May nobody else of this machine talk to the engine?"""
    engine = own_engine()
    assert os.stat(engine.socket).st_mode & 0o077 == 0
