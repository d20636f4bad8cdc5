"""The sandbox's folders in the host's cgroup hierarchies: made, handed over, removed.

They are named after the launcher's pid and start time, so that what a killed launcher left can be
told from what belongs to a running one, and is removed by the next start.

In version 2 a process may be moved only by who may write to both groups and to what they have in
common, and a group that hands out controllers has no processes of its own.  So the sandbox's first
process moves to a group of its own, `engine`, beside those that the engine makes for containers.
Source: cgroups(7); kernel documentation, admin-guide/cgroup-v2.rst, Delegation.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from lab.kernel import procfs

CONTROLLERS = ("memory", "pids", "cpu", "cpuacct", "cpuset", "blkio")
ENGINE = "engine"
"""Name of the version 2 group that the sandbox's own processes are in."""

_WELCOME = ("cpuset", "io")
"""Version 2 controllers that are used where the host hands them out, and not missed elsewhere."""
_HANDED_OVER = ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads")
_NAME = re.compile(r"lab-(\d+)-(\d+)")
_REMOVE_LIMIT = 5.0


@dataclass(frozen=True, slots=True)
class CgroupTree:
    """The folders of one sandbox: `hierarchies` maps controllers (or `unified`) to them."""

    hierarchies: dict[str, str]

    def adopt(self, pid: int) -> None:
        """Move the sandbox's first process in, so that it and its children may start containers."""
        if "unified" in self.hierarchies:
            procs = Path(self.hierarchies["unified"], ENGINE, "cgroup.procs")
            procs.write_text(str(pid))

    def remove(self) -> None:
        """Remove the folders, from the leaves up; all their processes must be gone or dying."""
        for path in set(self.hierarchies.values()):
            remove_tree(Path(path))


def create(uid: int | None = None, gid: int | None = None) -> CgroupTree:
    """Make this sandbox's folders wherever the host lets us; an empty tree where it does not.

    They are handed over to `uid` and `gid`, where the sandbox's id 0 is not this process's own.
    Also sweeps away what launchers that no longer exist have left.
    """
    own = f"lab-{os.getpid()}-{procfs.start_time(os.getpid())}"
    parents = _parents()
    for parent in set(parents.values()):
        _sweep(parent)
    made: dict[str, str] = {}
    for controller, parent in parents.items():
        folder = parent / own
        try:
            folder.mkdir(exist_ok=True)
            if controller == "unified":
                _furnish(folder)
            if controller == "cpuset":
                _share_processors(folder)
            if uid is not None and gid is not None:
                _hand_over(folder, uid, gid)
        except OSError:
            remove_tree(folder)
            continue
        made[controller] = str(folder)
    return CgroupTree(made)


def remove_tree(folder: Path) -> None:
    """Remove a cgroup folder and those below it; waits for their last processes to be reaped."""
    end = time.monotonic() + _REMOVE_LIMIT
    while folder.exists():
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir():
                with contextlib.suppress(OSError):
                    path.rmdir()
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > end:
                return
            time.sleep(0.01)


def _parents() -> dict[str, Path]:
    """Return the folders to work in: version 1 controllers, else the unified hierarchy."""
    found: dict[str, Path] = {}
    unified: Path | None = None
    own = procfs.cgroup_paths()
    for mount in procfs.mounts():
        if mount.fstype == "cgroup":
            for controller in CONTROLLERS:
                if controller in mount.super_options.split(","):
                    found[controller] = inside(mount, own.get(controller, "/"))
        elif mount.fstype == "cgroup2" and unified is None:
            unified = inside(mount, own.get("", "/"))
    writable = {name: path for name, path in found.items() if os.access(path, os.W_OK)}
    if writable or unified is None:
        return writable
    parent = _delegated(unified)
    return {"unified": parent} if parent else {}


def inside(mount: procfs.MountInfo, path: str) -> Path:
    """Return where cgroup `path` lies below a mount, which may show only a part of the hierarchy."""
    top = mount.root.rstrip("/")
    relative = path[len(top) :] if path.startswith(f"{top}/") else ""
    folder = Path(mount.mount_point + relative)
    return folder if folder.is_dir() else Path(mount.mount_point)


def _delegated(folder: Path) -> Path | None:
    """Return the nearest folder upward, writable to us, that hands controllers to its children.

    A folder with processes of its own may hand out none, so the launcher's own one rarely serves.
    """
    while True:
        control = folder / "cgroup.subtree_control"
        if os.access(folder, os.W_OK) and os.access(control, os.W_OK):
            if "memory" in control.read_text().split():
                return folder
            with contextlib.suppress(OSError):
                _enable(folder)
                return folder
        if not (folder.parent / "cgroup.controllers").exists():
            return None
        folder = folder.parent
    return None


def _enable(folder: Path) -> None:
    offered = set((folder / "cgroup.controllers").read_text().split())
    wanted = [name for name in ("memory", "pids", "cpu") if name in offered]
    (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in wanted))
    for name in offered & set(_WELCOME):
        with contextlib.suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{name}")


def _share_processors(folder: Path) -> None:
    """Let a version 1 cpuset group use what its parent does: a new one may use nothing."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        (folder / name).write_text((folder.parent / name).read_text().strip())


def _furnish(folder: Path) -> None:
    """Make a sandbox's version 2 group ready; raises OSError if no process of ours may go there."""
    _enable(folder)
    engine = folder / ENGINE
    engine.mkdir(exist_ok=True)
    # by trying: whether it may depends on where this process is
    pid = os.fork()
    if pid == 0:
        try:
            (engine / "cgroup.procs").write_text("0")
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise PermissionError(errno.EACCES, "no process may be moved there", str(engine))


def _hand_over(folder: Path, uid: int, gid: int) -> None:
    for name in _HANDED_OVER:
        with contextlib.suppress(FileNotFoundError):
            os.chown(folder / name, uid, gid)


def _sweep(parent: Path) -> None:
    for folder in parent.glob("lab-*-*"):
        match = _NAME.fullmatch(folder.name)
        if match and procfs.start_time(int(match[1])) != int(match[2]):
            remove_tree(folder)
