"""What is written for a container's start."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from lab.oci.runtime_spec import Mount, Process, Spec
from lab.runtime.bundle import BundlePlan, default_hosts, write_bundle

PLAN = BundlePlan(
    hostname="here",
    domainname="",
    hosts=default_hosts("172.17.0.2", "here", ("db:10.0.0.1", "six:::1")),
    resolv_conf="nameserver 1.1.1.1\n",
    mounts=(),
    readonly=False,
    masked_paths=("/proc/kcore",),
    readonly_paths=("/proc/sys",),
    seccomp="key",
    cgroups=("memory", "pids"),
    owner=os.getuid(),
    shm_bytes=1 << 20,
)


def written(folder: Path, plan: BundlePlan = PLAN) -> Spec:
    write_bundle(folder, Process(args=("sh",)), plan)
    return Spec.from_bytes((folder / "config.json").read_bytes())


def test_the_three_files(tmp_path: Path) -> None:
    """Are name, hosts and name servers written, and bound to their places?"""
    spec = written(tmp_path / "b")
    assert (tmp_path / "b" / "hostname").read_text() == "here\n"
    hosts = (tmp_path / "b" / "hosts").read_text().splitlines()
    assert hosts[0] == "127.0.0.1\tlocalhost"
    assert hosts[-3:] == ["10.0.0.1\tdb", "::1\tsix", "172.17.0.2\there"]
    bound = {mount.destination: mount for mount in spec.mounts if mount.type == "bind"}
    assert set(bound) == {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}
    # the engine's own: they are not mapped, and not the learner's
    assert all("idmap" not in mount.options for mount in bound.values())


def test_a_learners_file_wins(tmp_path: Path) -> None:
    """Is a file that the learner binds over /etc/hosts left to the learner?"""
    mine = Mount("/etc/hosts", "bind", "/my/hosts", ("rbind",))
    spec = written(tmp_path / "b", replace(PLAN, mounts=(mine,)))
    assert [m.source for m in spec.mounts if m.destination == "/etc/hosts"] == ["/my/hosts"]


def test_control_groups_and_memory(tmp_path: Path) -> None:
    """Are the control groups shown read-only, version 1 as several, version 2 as one?"""
    spec = written(tmp_path / "one")
    shown = {m.destination: m for m in spec.mounts if m.destination.startswith("/sys")}
    assert list(shown) == ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"]
    assert "ro" in shown["/sys/fs/cgroup/memory"].options
    spec = written(tmp_path / "two", replace(PLAN, cgroups=("unified",)))
    shown = {m.destination: m for m in spec.mounts if m.destination.startswith("/sys")}
    assert [(m.type, "ro" in m.options) for m in shown.values()] == [("cgroup2", True)]
    memory = next(m for m in spec.mounts if m.destination == "/dev/shm")
    assert "size=1048576" in memory.options
    spec = written(tmp_path / "none", replace(PLAN, cgroups=()))
    assert not [m for m in spec.mounts if m.destination.startswith("/sys")]


def test_written_anew(tmp_path: Path) -> None:
    """Does a second start replace what the container made of its files?"""
    written(tmp_path / "b")
    (tmp_path / "b" / "hosts").write_text("changed")
    written(tmp_path / "b")
    assert "localhost" in (tmp_path / "b" / "hosts").read_text()
    assert (tmp_path / "b" / "hosts").stat().st_mode & 0o777 == 0o644
