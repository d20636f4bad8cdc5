"""Both managers of control groups: one suite, on folders that look like the kernel's and on its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.kernel import procfs
from lab.runtime import cgroups
from lab.runtime.cgroup_v2 import CgroupV2, weight_of
from lab.runtime.cgroups import Limits, NoCgroups, Sample, manager, remove_folder
from tests.conftest import until
from tests.contract.hierarchies import FakeV1, FakeV2, Place, Real, version_of

MB = 1 << 20
KINDS = {"v1": FakeV1, "v2": FakeV2, "real": Real}


@pytest.fixture(params=sorted(KINDS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "real" and Real.missing():
        pytest.skip(Real.missing())
    made = KINDS[request.param](tmp_path)
    made.prepare()
    yield made
    made.close()


def limit_of(place: Place, controller: str) -> str:
    """The limit in force, as the kernel's file says it."""
    names = {"memory": "memory.limit_in_bytes", "pids": "pids.max", "cpu": "cpu.cfs_quota_us"}
    if version_of(place) == 2:
        names = {"memory": "memory.max", "pids": "pids.max", "cpu": "cpu.max"}
    return place.read(controller, names[controller]).split()[0]


def test_limits_are_set(place: Place) -> None:
    """Are memory, processes and processor time what was asked for?"""
    place.manager.create("one", Limits(memory=32 * MB, pids=12, nano_cpus=500_000_000))
    assert limit_of(place, "memory") == str(32 * MB)
    assert limit_of(place, "pids") == "12"
    assert limit_of(place, "cpu") == "50000"


def test_no_limits(place: Place) -> None:
    """Is a group without wishes without limits, and making it twice no error?"""
    place.manager.create("one", Limits())
    place.manager.create("one", Limits())
    assert limit_of(place, "pids") == "max"
    assert limit_of(place, "cpu") in ("-1", "max")
    assert place.manager.sample("one").memory_limit is None


def test_limits_are_changed_both_ways(place: Place) -> None:
    """Can a limit be raised and lowered, although the sum with swap may never be below it?"""
    for size in (32, 64, 16, 128):
        place.manager.create("one", Limits(memory=size * MB, pids=size))
        assert limit_of(place, "memory") == str(size * MB)
        assert limit_of(place, "pids") == str(size)
    place.manager.update("one", Limits(memory=16 * MB, memory_swap=-1, pids=0))
    assert limit_of(place, "pids") == "max"


def test_what_is_used(place: Place) -> None:
    """Are memory, processor time and processes counted, each in its unit?"""
    place.manager.create("one", Limits(memory=32 * MB))
    sample = place.manager.sample("one")
    assert sample.memory_limit == 32 * MB
    assert sample.oom_kills == 0
    for number in (sample.memory_bytes, sample.cpu_ns, sample.pids, sample.throttled_periods):
        assert number is not None and number >= 0
    if not place.limits_hold:
        assert (sample.memory_bytes, sample.cpu_ns, sample.pids) == (4096, 70000, 1)
        assert (sample.throttled_periods, sample.throttled_ns) == (3, 5000)
        assert place.manager.processes("one") == [7, 8]


def test_processors_are_chosen(place: Place) -> None:
    """Is a container held to the processors that it is to use, where the host lends that?"""
    if not place.manager.supports("cpuset"):
        pytest.skip("no cpuset here")
    place.manager.create("one", Limits(cpuset_cpus="0"))
    assert place.read("cpuset", "cpuset.cpus") == "0"
    assert any(
        "cpuset" in file or version_of(place) == 2 for file in place.manager.join_files("one")
    )


def test_quota_and_period(place: Place) -> None:
    """Do a quota and a period of one's own arrive, as the kernel writes them?"""
    place.manager.create("one", Limits(cpu_quota=20_000, cpu_period=50_000))
    assert limit_of(place, "cpu") == "20000"
    place.manager.update("one", Limits(cpu_quota=30_000, cpu_period=50_000))
    assert limit_of(place, "cpu") == "30000"


def test_what_is_not_there(place: Place) -> None:
    """Is a group that does not exist read as one that uses nothing, and removed without an error?"""
    sample = place.manager.sample("absent")
    assert replace(sample, cpus_ns=(), block_bytes=(), block_operations=()) == Sample()
    assert not (sample.cpus_ns or sample.block_bytes or sample.block_operations)
    assert place.manager.oom_kills("absent") is None
    assert place.manager.processes("absent") == []
    place.manager.remove("absent")


def test_joining(place: Place) -> None:
    """Does a process that writes 0 to the files become a member of all hierarchies?"""
    place.manager.create("one", Limits())
    files = place.manager.join_files("one")
    folders = {folder for name, folder in place.folders.items() if name != "cpuset"}
    assert len(files) == len(folders)
    assert all(os.path.exists(file) for file in files)
    if not place.limits_hold:
        return
    script = "".join(f"echo 0 > {file}; " for file in files) + "exec sleep 1000"
    with subprocess.Popen(["sh", "-c", script]) as process:
        end = time.monotonic() + 5
        while process.pid not in place.manager.processes("one") and time.monotonic() < end:
            time.sleep(0.01)
        assert process.pid in place.manager.processes("one")
        process.kill()
    # the kernel may need a moment
    place.manager.remove("one")
    assert not any(folder.exists() for folder in place.folders.values())


def test_limits_hold(place: Place) -> None:
    """Does the kernel kill what takes too much memory, and say so?"""
    if not place.limits_hold:
        pytest.skip("there is no kernel behind these files")
    place.manager.create("one", Limits(memory=16 * MB, pids=50))
    script = "".join(f"echo 0 > {file}; " for file in place.manager.join_files("one"))
    done = subprocess.run(["sh", "-c", script + "exec head -c 100m /dev/zero | tail"])
    assert done.returncode != 0
    assert (place.manager.sample("one").oom_kills or 0) >= 1
    place.manager.remove("one")


def test_a_group_that_is_busy(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a group that cannot be removed left after a while, instead of waited for for ever?"""
    if place.limits_hold:
        pytest.skip("the kernel's folders are empty for rmdir")
    monkeypatch.setattr(cgroups, "_PAUSE", 0)
    place.manager.create("one", Limits())
    place.manager.remove("one")
    assert all(folder.exists() for folder in place.folders.values())


def test_which_manager() -> None:
    """Is the manager that of the hierarchies that there are?"""
    assert isinstance(manager({}), NoCgroups)
    assert manager({}).join_files("x") == [] and not manager({}).supports("memory")
    some = manager({"memory": "/x"})
    assert some.supports("memory") and not some.supports("pids")
    assert not manager({"unified": "/nowhere"}).supports("memory")


@pytest.mark.parametrize(
    ("shares", "weight"), [(2, 1), (1024, 39), (262144, 10000), (0, 1), (1 << 30, 10000)]
)
def test_weights(shares: int, weight: int) -> None:
    """Are version 1's shares translated as runc does?"""
    assert weight_of(shares) == weight


def _unified() -> Path | None:
    """Return a version 2 hierarchy in which groups can be made, if there is one."""
    for mount in procfs.mounts():
        if mount.fstype == "cgroup2" and os.access(mount.mount_point, os.W_OK):
            return Path(mount.mount_point)
    return None


def test_freezing() -> None:
    """Does a frozen group stand still, can its processes be killed, and does a thawed one go on?"""
    top = _unified()
    if top is None:
        pytest.skip("no version 2 hierarchy to make groups in")
    root = top / f"lab-test-{os.getpid()}"
    root.mkdir()
    group = CgroupV2(root)
    group.create("one", Limits())
    child = subprocess.Popen(["sh", "-c", "while :; do echo x; done"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        (root / "one" / "cgroup.procs").write_text(str(child.pid))
        assert group.supports("freezer")
        group.freeze("one", True)
        os.set_blocking(child.stdout.fileno(), False)
        while child.stdout.read(1 << 16):
            pass
        assert not child.stdout.read(1)
        group.freeze("one", False)
        until(lambda: child.stdout is not None and child.stdout.read(1), what="it goes on")
        group.freeze("one", True)
        child.kill()
        assert child.wait(10) == -9
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        group.remove("one")
        remove_folder(root)
