"""The sandbox's folders in the host's hierarchies: what is looked for, and what is swept away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.kernel import procfs
from lab.kernel.procfs import MountInfo
from lab.sandbox import cgroup_tree
from lab.sandbox.cgroup_tree import CgroupTree


def cgroup(path: Path, options: str, fstype: str = "cgroup", root: str = "/") -> MountInfo:
    return MountInfo(root, str(path), "rw", fstype, fstype, options)


@pytest.fixture
def hierarchies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two version 1 hierarchies, one of them with two controllers, and an almost empty version 2."""
    mounts = []
    for name, options in (
        ("memory", "rw,memory"),
        ("cpu", "rw,cpu,cpuacct"),
        ("freezer", "rw,freezer"),
    ):
        (tmp_path / name / "own").mkdir(parents=True)
        mounts.append(cgroup(tmp_path / name, options))
    (tmp_path / "unified").mkdir()
    mounts.append(cgroup(tmp_path / "unified", "rw", "cgroup2"))
    monkeypatch.setattr(procfs, "mounts", lambda: mounts)
    paths = {"memory": "/own", "cpu": "/", "cpuacct": "/", "": "/"}
    monkeypatch.setattr(procfs, "cgroup_paths", lambda: paths)
    return tmp_path


def test_folders_are_made_below_our_own(hierarchies: Path) -> None:
    """Is there a folder in each hierarchy of use, below where we are, and gone afterwards?"""
    tree = cgroup_tree.create()
    name = f"lab-{os.getpid()}-{procfs.start_time(os.getpid())}"
    assert tree.hierarchies == {
        "memory": str(hierarchies / "memory" / "own" / name),
        "cpu": str(hierarchies / "cpu" / name),
        "cpuacct": str(hierarchies / "cpu" / name),
    }
    (hierarchies / "cpu" / name / "container").mkdir()
    tree.remove()
    assert not list(hierarchies.glob("**/lab-*"))


def test_what_the_dead_left_is_swept(hierarchies: Path) -> None:
    """Are folders of launchers that exist no more removed, and those of others left alone?"""
    own = procfs.start_time(os.getpid())
    folder = hierarchies / "cpu"
    gone = (folder / f"lab-{1 << 30}-5", folder / f"lab-{os.getpid()}-{own + 1}")
    kept = (folder / f"lab-{os.getppid()}-{procfs.start_time(os.getppid())}", folder / "lab-x-1",
            folder / "lab-notes", folder / "system.slice")  # fmt: skip
    for each in (*gone, *kept):
        (each / "deep" / "er").mkdir(parents=True)
    cgroup_tree.create().remove()
    assert not any(each.exists() for each in gone)
    assert all((each / "deep" / "er").exists() for each in kept)


def test_a_part_of_a_hierarchy(tmp_path: Path) -> None:
    """Is the place found where the mount shows only a part, as in a container?"""
    (tmp_path / "sub").mkdir()
    part = cgroup(tmp_path, "rw,memory", root="/docker/x")
    assert cgroup_tree.inside(part, "/docker/x/sub") == tmp_path / "sub"
    assert cgroup_tree.inside(part, "/docker/x") == tmp_path
    assert cgroup_tree.inside(part, "/elsewhere") == tmp_path
    assert cgroup_tree.inside(part, "/docker/x/gone") == tmp_path


def test_version_2(tmp_path: Path) -> None:
    """Is the nearest folder upward taken that hands controllers on, and its offer enabled?"""
    inner = tmp_path / "user" / "session"
    inner.mkdir(parents=True)
    for folder, passed_on in (
        (tmp_path, "memory"),
        (tmp_path / "user", "memory pids"),
        (inner, ""),
    ):
        (folder / "cgroup.controllers").write_text("cpu hugetlb memory pids")
        (folder / "cgroup.subtree_control").write_text(passed_on)
    # the innermost refuses, since it has processes of its own
    (inner / "cgroup.subtree_control").unlink()
    assert cgroup_tree._delegated(inner) == tmp_path / "user"
    cgroup_tree._enable(tmp_path / "user")
    assert (tmp_path / "user" / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"


@pytest.fixture
def unified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Only a version 2 hierarchy, where all controllers are handed on; files are as made by hand."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids")
    monkeypatch.setattr(procfs, "mounts", lambda: [cgroup(tmp_path, "rw", "cgroup2")])
    monkeypatch.setattr(procfs, "cgroup_paths", lambda: {"": "/"})
    make = Path.mkdir

    def mkdir(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        make(path, mode, parents, exist_ok)
        (path / "cgroup.controllers").write_text("cpu memory pids")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    return tmp_path


def test_the_sandboxs_own_group(unified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does the first process get a group beside those of containers, and the owner all he needs?"""
    given: list[tuple[str, int, int]] = []
    monkeypatch.setattr(os, "chown", lambda path, *ids: given.append((path.name, *ids)))
    tree = cgroup_tree.create(1000, 100)
    folder = Path(tree.hierarchies["unified"])
    assert folder.parent == unified
    assert (folder / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    assert given == [
        (folder.name, 1000, 100),
        ("cgroup.procs", 1000, 100),
        ("cgroup.subtree_control", 1000, 100),
        ("cgroup.threads", 1000, 100),
    ]
    tree.adopt(4321)
    assert (folder / "engine" / "cgroup.procs").read_text() == "4321"
    CgroupTree({"memory": "/nowhere"}).adopt(4321)


def test_where_no_process_may_be_moved(unified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a place where containers could not be started in groups done without, and left clean?"""
    monkeypatch.setattr(cgroup_tree, "ENGINE", "cgroup.subtree_control/no-folder")
    removed: list[Path] = []
    monkeypatch.setattr(cgroup_tree, "remove_tree", removed.append)
    assert cgroup_tree.create(0, 0) == CgroupTree({})
    assert len(removed) == 1 and removed[0].parent == unified


def test_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a host without control groups no error?"""
    monkeypatch.setattr(procfs, "mounts", lambda: [])
    monkeypatch.setattr(procfs, "cgroup_paths", lambda: {})
    tree = cgroup_tree.create()
    assert tree == CgroupTree({})
    tree.remove()
