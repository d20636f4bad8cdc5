"""Trials of a sandbox, of single things and of limits, on the kernel that runs the tests."""

from __future__ import annotations

import errno
import os
import signal
import socket
from pathlib import Path

import pytest

from lab.errors import SandboxUnavailable, SyscallError
from lab.kernel import procfs, syscalls
from lab.kernel.flags import CLONE
from lab.sandbox import cgroup_tree, probes, probes_cgroups, probes_container, probes_place
from lab.sandbox.probes import Step, Trial
from tests.integration.host import Host, everyone


def works() -> bool:
    return not probes.try_sandbox(Path("/tmp")).failed


needs_namespaces = pytest.mark.skipif(not works(), reason="this place allows no namespaces")


@needs_namespaces
def test_a_sandbox_is_tried_and_leaves_nothing(tmp_path: Path) -> None:
    """Are all steps tried, and does nothing stay: no file, mount, interface or process?"""
    before, processes = Host.look(), everyone()
    trial = probes.try_sandbox(tmp_path)
    assert set(probes.REQUIRED) <= set(trial.steps)
    assert trial.failed == ""
    assert os.listdir(tmp_path) == []
    assert Host.look() == before
    children = {pid for pid in everyone() - processes if pid_parent(pid) == os.getpid()}
    assert children == set()


def pid_parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@needs_namespaces
def test_a_container_is_looked_at_from_inside(tmp_path: Path) -> None:
    """Does the throw-away container have the namespaces that a real one has, and a network?"""
    trial = probes_container.try_thoroughly(tmp_path)
    assert trial.steps["own"].seen == ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"]
    assert trial.refusal("talk") == ""
    assert trial.refusal("filter") == ""
    assert trial.refusal("out") == ""


def test_refused_namespaces_come_before_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no user namespace can be made, is that the reason, whatever ids the user has?"""

    def refuse(flags: CLONE) -> int:
        raise SyscallError(errno.EPERM, f"clone(flags={flags!r})")

    monkeypatch.setattr(syscalls, "clone", refuse)
    trial = probes.try_sandbox(tmp_path)
    assert trial.failed == "user"
    assert trial.refusal("user") == "clone: Operation not permitted"
    assert probes_place.try_place(tmp_path)["user"].refusal == "clone: Operation not permitted"


@needs_namespaces
def test_too_few_ids_are_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the user has too few ids, is that the step that failed?"""

    def plan() -> None:
        raise SandboxUnavailable("too few")

    monkeypatch.setattr(probes, "plan_ids", plan)
    trial = probes.try_sandbox(tmp_path)
    assert (trial.failed, trial.refusal("ids")) == ("ids", "too few")
    assert trial.refusal("user") == ""


@needs_namespaces
@pytest.mark.parametrize(
    ("function", "step"),
    [("use_overlay", "overlay"), ("make_network", "network"), ("_plug_in", "veth")],
)
def test_a_step_that_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, step: str
) -> None:
    """Is the step that the kernel refuses the one that is named, with the kernel's reason?"""

    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(probes, function, refuse)
    trial = probes.try_sandbox(tmp_path)
    assert (trial.failed, trial.refusal(step)) == (step, "Invalid argument")


@needs_namespaces
def test_a_sandbox_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a trial that hangs ended, and what it was about to do named?"""
    monkeypatch.setattr(probes, "make_network", signal.pause)
    trial = probes.try_sandbox(tmp_path, limit=0.5)
    assert (trial.failed, trial.refusal("network")) == ("network", "no answer within 0.5 seconds")
    assert trial.seconds < 3
    assert os.listdir(tmp_path) == []


def test_folders_of_killed_trials_are_swept_away(tmp_path: Path) -> None:
    """Does a trial remove what a killed one left, and not what another is using?"""
    own = f"{os.getpid()}-{procfs.start_time(os.getpid())}"
    for name in (".trial-999999999-1-abc", f".trial-{own}-abc"):
        (tmp_path / name / "work" / "work" / "incompat").mkdir(parents=True)
    (tmp_path / ".trial-999999999-1-abc" / "work" / "work").chmod(0)
    with probes.scratch_folder(tmp_path / "not" / "there") as folder:
        assert folder.parent == tmp_path
    assert os.listdir(tmp_path) == [f".trial-{own}-abc"]


def test_a_folder_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is a full or read-only file system the reason that is told?"""

    def refuse(**_: object) -> str:
        raise OSError(errno.EROFS, "Read-only file system", "/x")

    monkeypatch.setattr(probes.tempfile, "mkdtemp", refuse)
    monkeypatch.setattr(probes, "plan_ids", lambda: None)
    trial = probes.try_sandbox(tmp_path)
    assert trial.failed in ("overlay", "user")
    if trial.failed == "overlay":
        assert trial.refusal("overlay") == "/x: Read-only file system"


def test_steps_that_were_not_reached() -> None:
    """Does the first refusal count, and only then what was not reached?"""
    assert Trial({"user": Step(), "ids": Step("no")}).failed == "ids"
    assert Trial({"user": Step()}).failed == "ids"
    assert Trial({name: Step() for name in probes.REQUIRED}).failed == ""


@needs_namespaces
def test_every_namespace_is_tried_alone(tmp_path: Path) -> None:
    """Does each kind of namespace get an answer of its own?"""
    steps = probes_place.try_place(tmp_path)
    assert {*probes_place.NAMESPACES, "proc", "overlay", "bridge", "veth"} <= set(steps)
    assert steps["user"].refusal == ""
    assert os.listdir(tmp_path) == []


@needs_namespaces
def test_where_nothing_can_be_written() -> None:
    """On a file system that takes no files, is only the overlay refused, and the rest tried?"""
    steps = probes_place.try_place(Path("/proc"))
    assert steps["overlay"].refusal
    assert steps["user"].refusal == steps["net"].refusal == ""


def test_a_seccomp_filter_is_loaded_in_a_child_only() -> None:
    """Is a filter proved by a refused call, and does this process stay free of it?"""
    assert probes_place.try_seccomp() == Step()
    os.getpriority(os.PRIO_PROCESS, 0)


def test_lowest_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is the first port found by binding, whatever the kernel's setting says?"""
    monkeypatch.setattr(probes_place, "_may_bind", lambda port: port >= 2000)
    assert probes_place.lowest_port() == 2000
    monkeypatch.setattr(probes_place, "_may_bind", lambda port: False)
    with pytest.raises(OSError, match="no TCP port"):
        probes_place.lowest_port()


def test_a_port_that_is_taken_is_allowed() -> None:
    """Does a port count that somebody else listens at?"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert probes_place._may_bind(taken.getsockname()[1])


def test_reaching_somebody_and_nobody() -> None:
    """Is an address told that answers, and a reason where none does?"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert probes_place.reach("127.0.0.1", port, 5) == Step(seen="127.0.0.1")
    assert probes_place.reach("127.0.0.1", port, 5).refusal == "Connection refused"


def test_limits_are_broken_and_hold() -> None:
    """Where this user may make control groups, do limits hold, and is every group gone after?"""
    before = {path: set(os.listdir(path)) for path in set(cgroup_tree._parents().values())}
    found = probes_cgroups.try_cgroups()
    assert set(found) == {"memory", "cpu", "pids"}
    for controller in found.values():
        if controller.writable:
            assert controller.version in (1, 2)
            assert controller.limit == Step()
    own = f"lab-{os.getpid()}-"
    for path in before:
        assert not [name for name in os.listdir(path) if name.startswith(own)]


def test_a_limit_that_does_not_hold_is_found_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Does a file that takes the limit, and does nothing, count as no limit?"""
    group = tmp_path / "memory"
    group.mkdir()
    for name in ("memory.max", "memory.swap.max", "cgroup.procs", "cpu.max", "pids.max"):
        (group / name).write_text("")
    (group / "cpu.stat").write_text("usage_usec 5\nnr_throttled 0\n")
    monkeypatch.setattr(probes_cgroups, "_BURN_SECONDS", 0.0)
    monkeypatch.setattr(probes_cgroups, "_USED", 1 << 20)
    assert "went on" in probes_cgroups._exceed_memory(group, unified=True)
    assert "more processor time" in probes_cgroups._exceed_cpu(group, unified=True)
    assert "could be started" in probes_cgroups._exceed_pids(group, unified=True)
