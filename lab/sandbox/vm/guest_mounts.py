"""The guest's file systems: what is mounted before it can be saved, what after, and how all ends.

    before   /proc /sys /dev /run /tmp, control groups, the catalog's layers with containers' ids
    after    /data, the learner's disk (ext4); /host, the host's files (9p)

The root is shared, so that what is mounted after reaches the sandbox, which is there already.
Source: mount_namespaces(7); kernel docs, filesystems/9p.rst.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from lab.errors import LabError, SyscallError
from lab.kernel import syscalls
from lab.kernel.flags import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    MNT,
    MOUNT_ATTR,
    MOVE_MOUNT,
    MS,
    OPEN_TREE,
)
from lab.sandbox import namespaces
from lab.sandbox.ids import IdPlan

CATALOG = "/catalog"
DATA = "/data"
HOST = "/host"
ENGINE = Path(DATA, "engine")
"""The engine's folder, on the learner's disk."""

FILLER = Path(DATA, "filler")
"""Takes what the host has no room for; see lab.sandbox.vm.guest_room."""

HOST_TAG = "host"
CGROUPS = Path("/sys/fs/cgroup")
_CONTROLLERS = ("memory", "pids", "cpu", "cpuset", "io")

_VEIL = MS.NOSUID | MS.NODEV | MS.NOEXEC
_BEFORE = (
    ("proc", "/proc", "proc", _VEIL, ""),
    ("sys", "/sys", "sysfs", _VEIL, ""),
    ("dev", "/dev", "devtmpfs", MS.NOSUID, "mode=755"),
    ("devpts", "/dev/pts", "devpts", MS.NOSUID | MS.NOEXEC, "mode=620,ptmxmode=666"),
    ("shm", "/dev/shm", "tmpfs", MS.NOSUID | MS.NODEV, "mode=1777"),
    ("run", "/run", "tmpfs", MS.NOSUID | MS.NODEV, "mode=755"),
    ("tmp", "/tmp", "tmpfs", MS.NOSUID | MS.NODEV, "mode=1777"),
    # a container's group is the edge of what it may change, whoever its root is
    ("cgroup", str(CGROUPS), "cgroup2", _VEIL, "nsdelegate"),
)
_9P = "trans=virtio,version=9p2000.L,msize=512000,cache=mmap"
"""Nothing but files mapped into memory is cached: the learner's changes are seen at once."""

_BLKFLSBUF = 0x1261
_WRITE_AFTER = "100"
"""Hundredths of a second."""

_DAMAGED = (errno.EUCLEAN, errno.EIO, errno.EINVAL)


def mount_system() -> None:
    """Mount what needs no disk; what the initramfs has left mounted is taken as it is."""
    for source, target, kind, flags, data in _BEFORE:
        if target.startswith("/dev/"):
            os.makedirs(target, exist_ok=True)
        if not os.path.ismount(target):
            syscalls.mount(source, target, kind, flags, data or None)
    wanted = set(_CONTROLLERS) & set((CGROUPS / "cgroup.controllers").read_text().split())
    enable = " ".join(f"+{name}" for name in sorted(wanted))
    (CGROUPS / "cgroup.subtree_control").write_text(enable)
    syscalls.mount(None, "/", None, MS.REC | MS.SHARED)


def mount_catalog(device: str, ids: IdPlan) -> None:
    """Mount the catalog's disk, which has containers' own ids, as the sandbox's containers see it."""
    syscalls.mount(device, CATALOG, "erofs", MS.RDONLY | MS.NODEV)
    tree = syscalls.open_tree(AT_FDCWD, CATALOG, OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC)
    owners = namespaces.make_user_namespace(ids)
    try:
        syscalls.mount_setattr(tree, "", AT_EMPTY_PATH, MOUNT_ATTR.IDMAP, userns_fd=owners)
        syscalls.move_mount(tree, "", AT_FDCWD, CATALOG, MOVE_MOUNT.F_EMPTY_PATH)
    finally:
        os.close(owners)
        os.close(tree)


def mount_data(device: str | None, ids: IdPlan) -> None:
    """Mount the learner's disk, and give the engine its folder there.

    A machine without such a disk keeps everything in its memory.
    """
    if device is None:
        syscalls.mount("data", DATA, "tmpfs", MS(0), "mode=755")
    else:
        try:
            _mount_disk(device)
        except SyscallError as error:
            if error.errno in _DAMAGED:
                raise LabError("the lab's disk is damaged", "lab reset makes a new one") from error
            raise
    with contextlib.suppress(FileExistsError):
        ENGINE.mkdir(mode=0o700)
    os.chown(ENGINE, ids.owner_uid, ids.owner_gid)


def _mount_disk(device: str) -> None:
    # what the kernel may have read of it belongs to the time before this machine was saved
    disk = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(disk, _BLKFLSBUF)
    finally:
        os.close(disk)
    # discarded blocks go back to the host
    syscalls.mount(device, DATA, "ext4", MS.NOATIME, "discard,commit=1")
    # a machine that is killed loses what is still in its memory
    for name in ("dirty_expire_centisecs", "dirty_writeback_centisecs"):
        Path("/proc/sys/vm", name).write_text(_WRITE_AFTER)


def mount_host(hidden: str) -> bool:
    """Mount the host's files, `hidden` as an empty folder; False where there are none for us.

    That is the folder with this machine's own disk: what wrote there would destroy all that is on
    it.  An empty string: nothing is hidden.
    """
    try:
        syscalls.mount(HOST_TAG, HOST, "9p", MS.NOSUID | MS.NODEV, _9P)
    except SyscallError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return False
        raise
    if hidden:
        syscalls.mount("hidden", HOST + hidden, "tmpfs", _VEIL | MS.RDONLY, "size=4k,mode=555")
    return True


def unmount_data() -> None:
    """Write everything to the learner's disk and let go of it; nothing may run on it any more."""
    os.sync()
    for flags in (MNT(0), MNT.DETACH):
        try:
            syscalls.umount2(DATA, flags)
        except SyscallError as error:
            if error.errno == errno.EINVAL:
                return
        else:
            break
    os.sync()
