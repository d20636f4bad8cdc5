"""Flags of system calls, by the names of the kernel's headers, so that errors can show them."""

from __future__ import annotations

from enum import IntFlag


class CLONE(IntFlag):
    """Namespaces to make or to enter, and how to clone.  Source: clone(2), setns(2)."""

    NEWTIME = 0x80
    PIDFD = 0x1000
    PARENT = 0x8000
    NEWNS = 0x20000
    NEWCGROUP = 0x2000000
    NEWUTS = 0x4000000
    NEWIPC = 0x8000000
    NEWUSER = 0x10000000
    NEWPID = 0x20000000
    NEWNET = 0x40000000


class MS(IntFlag):
    """Mount flags.  Source: mount(2)."""

    RDONLY = 1
    NOSUID = 2
    NODEV = 4
    NOEXEC = 8
    REMOUNT = 32
    NOATIME = 1024
    BIND = 4096
    MOVE = 8192
    REC = 16384
    PRIVATE = 1 << 18
    SLAVE = 1 << 19
    SHARED = 1 << 20
    RELATIME = 1 << 21
    STRICTATIME = 1 << 24


class MNT(IntFlag):
    """Flags of umount2(2)."""

    FORCE = 1
    DETACH = 2


class OPEN_TREE(IntFlag):
    """Flags of open_tree(2), among them those of the path's look-up."""

    CLONE = 1
    AT_SYMLINK_NOFOLLOW = 0x100
    AT_EMPTY_PATH = 0x1000
    AT_RECURSIVE = 0x8000
    CLOEXEC = 0o2000000


class MOVE_MOUNT(IntFlag):
    """Flags of move_mount(2)."""

    F_EMPTY_PATH = 4
    T_EMPTY_PATH = 0x40


class MOUNT_ATTR(IntFlag):
    """Attributes of mount_setattr(2)."""

    RDONLY = 1
    NOSUID = 2
    NODEV = 4
    NOEXEC = 8
    IDMAP = 0x100000


class CLOSE_RANGE(IntFlag):
    """Flags of close_range(2)."""

    UNSHARE = 2
    CLOEXEC = 4


class PR(IntFlag):
    """Operations of prctl(2)."""

    SET_PDEATHSIG = 1
    SET_DUMPABLE = 4
    SET_KEEPCAPS = 8
    SET_SECCOMP = 22
    CAPBSET_DROP = 24
    SET_SECUREBITS = 28
    SET_NO_NEW_PRIVS = 38
    CAP_AMBIENT = 47


AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
SECCOMP_MODE_FILTER = 2
CAP_AMBIENT_CLEAR_ALL = 4
