"""Places for control groups: temporary folders that look like the kernel's, and the kernel's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from lab.runtime.cgroups import CgroupManager, manager
from lab.sandbox import cgroup_tree

V1_FILES = {
    "memory": {
        "memory.limit_in_bytes": "9223372036854771712",
        "memory.memsw.limit_in_bytes": "9223372036854771712",
        "memory.usage_in_bytes": "4096",
        "memory.stat": "cache 100\nrss 200\nhierarchical_memory_limit 9223372036854771712\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
    },
    "pids": {"pids.max": "max", "pids.current": "1"},
    "cpu": {
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "-1",
        "cpu.shares": "1024",
        "cpu.stat": "nr_periods 10\nnr_throttled 3\nthrottled_time 5000\n",
        "cpuacct.usage": "70000",
    },
}
V2_FILES = {
    "memory.max": "max",
    "memory.swap.max": "max",
    "memory.current": "4096",
    "memory.stat": "anon 200\nfile 100\n",
    "memory.events": "low 0\noom 0\noom_kill 0\n",
    "pids.max": "max",
    "pids.current": "1",
    "cpu.max": "max 100000",
    "cpu.weight": "100",
    "cpu.stat": "usage_usec 70\nnr_periods 10\nnr_throttled 3\nthrottled_usec 5\n",
}


class Place:
    """Where a manager works; `folders` are those of the group `one`, by controller."""

    limits_hold = False
    """Whether a kernel is behind the files."""

    def __init__(self, made: CgroupManager, folders: Mapping[str, Path]) -> None:
        self.manager = made
        self.folders = folders

    def prepare(self) -> None:
        """Make the control files that the kernel would make with the folder of `one`."""

    def close(self) -> None:
        """Take everything away."""

    def read(self, controller: str, name: str) -> str:
        return (self.folders[controller] / name).read_text().strip()


class FakeV1(Place):
    """Version 1, with `cpu` and `cpuacct` in one hierarchy as many systems mount them."""

    def __init__(self, folder: Path) -> None:
        roots = {name: folder / name for name in V1_FILES}
        for root in roots.values():
            root.mkdir()
        hierarchies = {name: str(root) for name, root in roots.items()}
        hierarchies["cpuacct"] = hierarchies["cpu"]
        super().__init__(manager(hierarchies), {name: root / "one" for name, root in roots.items()})

    def prepare(self) -> None:
        for controller, files in V1_FILES.items():
            fill(self.folders[controller], {**files, "tasks": "", "cgroup.procs": "7\n8\n"})


class FakeV2(Place):
    """Version 2: one folder for all controllers."""

    def __init__(self, folder: Path) -> None:
        (folder / "cgroup.subtree_control").write_text("memory pids cpu cpuset\n")
        made = manager({"unified": str(folder)})
        super().__init__(made, dict.fromkeys(("memory", "pids", "cpu", "cpuset"), folder / "one"))

    def prepare(self) -> None:
        fill(self.folders["memory"], {**V2_FILES, "cgroup.procs": "7\n8\n"})


class Real(Place):
    """The hierarchies of this host, where it lets us make folders in them."""

    limits_hold = True

    def __init__(self, folder: Path) -> None:
        self._tree = cgroup_tree.create()
        paths = {name: Path(path) for name, path in self._tree.hierarchies.items()}
        if "unified" in paths:
            paths = dict.fromkeys(("memory", "pids", "cpu", "cpuset"), paths["unified"])
        folders = {name: path / "one" for name, path in paths.items()}
        super().__init__(manager(self._tree.hierarchies), folders)

    def close(self) -> None:
        self._tree.remove()

    @classmethod
    def missing(cls) -> str:
        """Return why there is none, or an empty string."""
        tree = cgroup_tree.create()
        tree.remove()
        return "" if tree.hierarchies else "this host hands out no control groups"


def fill(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def version_of(place: Place) -> int:
    return 2 if os.path.exists(place.folders["memory"] / "memory.max") else 1
