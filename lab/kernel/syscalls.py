"""One thin function per system call: the man page's name and order, errno checked.

A refusal raises SyscallError, which shows the call with its arguments.  The library is loaded as
PyDLL, which keeps the interpreter's lock: a raw clone(2) must not race with other Python code,
and only single-threaded processes (the spawner, init, enter, the launcher) call it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Callable
from ctypes import c_char_p, c_int, c_long, c_size_t, c_uint32, c_uint64, c_ulong
from signal import SIGCHLD
from typing import Any

from lab.errors import SyscallError
from lab.kernel.flags import (
    CAP_AMBIENT_CLEAR_ALL,
    CLONE,
    CLOSE_RANGE,
    MNT,
    MOUNT_ATTR,
    MOVE_MOUNT,
    MS,
    OPEN_TREE,
    PR,
    SECCOMP_MODE_FILTER,
)
from lab.kernel.tap import tap

Path = str | bytes

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = c_long
_libc.mount.argtypes = [c_char_p, c_char_p, c_char_p, c_ulong, c_char_p]
_libc.prctl.argtypes = [c_int, c_ulong, c_ulong, c_ulong, c_ulong]
_libc.setdomainname.argtypes = [c_char_p, c_size_t]
_libc.fallocate.argtypes = [c_int, c_int, c_long, c_long]

_NUMBERS = {
    # numbers from 424 on are the same on every architecture
    "x86_64": {"clone": 56, "pivot_root": 155, "capset": 126, "finit_module": 313},
    "aarch64": {"clone": 220, "pivot_root": 41, "capset": 91, "finit_module": 273},
}.get(platform.machine(), {})
_OPEN_TREE, _MOVE_MOUNT, _CLOSE_RANGE, _MOUNT_SETATTR = 428, 429, 436, 442
_KEEP_SIZE_PUNCH_HOLE = 0x03
_POWER_OFF = 0x4321FEDC
_LAST_FD = (1 << 32) - 1
_CAPABILITY_VERSION_3 = 0x20080522


def mount(
    source: Path | None,
    target: Path,
    fstype: Path | None = None,
    flags: MS = MS(0),  # noqa: B008 - an IntFlag is a constant
    data: Path | None = None,
) -> None:
    """mount(2)."""
    result = _libc.mount(_encode(source), _encode(target), _encode(fstype), flags, _encode(data))
    _check(result, "mount", source=source, target=target, fstype=fstype, flags=flags, data=data)


def umount2(target: Path, flags: MNT = MNT(0)) -> None:  # noqa: B008
    """umount2(2)."""
    _check(_libc.umount2(_encode(target), c_int(flags)), "umount2", target=target, flags=flags)


def unshare(flags: CLONE) -> None:
    """unshare(2)."""
    _check(_libc.unshare(c_int(flags)), "unshare", flags=flags)


def setns(fd: int, flags: CLONE = CLONE(0)) -> None:  # noqa: B008
    """setns(2); `fd` is a namespace file, or a pidfd with several flags."""
    _check(_libc.setns(c_int(fd), c_int(flags)), "setns", fd=fd, flags=flags)


def pivot_root(new_root: Path, put_old: Path) -> None:
    """pivot_root(2)."""
    result = _syscall("pivot_root", c_char_p(_encode(new_root)), c_char_p(_encode(put_old)))
    _check(result, "pivot_root", new_root=new_root, put_old=put_old)


def setdomainname(name: str) -> None:
    """setdomainname(2)."""
    data = name.encode()
    _check(_libc.setdomainname(data, len(data)), "setdomainname", name=name)


def clone(flags: CLONE) -> int:
    """clone(2) as a fork with namespace flags: returns 0 in the child, the child's pid otherwise.

    Only for single-threaded processes.  The interpreter is told, as by os.fork().
    """
    _before_fork()
    pid = _syscall("clone", c_long(flags | SIGCHLD), c_long(0), c_long(0), c_long(0), c_long(0))
    if pid == 0:
        _after_fork_child()
        return 0
    error = ctypes.get_errno()
    _after_fork_parent()
    if tap.listener is not None:
        told = {"flags": flags, "signal": "SIGCHLD"}
        tap.tell("clone", told, int(pid), error if pid < 0 else 0)
    if pid < 0:
        raise SyscallError(error, f"clone(flags={flags!r})")
    return int(pid)


def open_tree(dirfd: int, path: Path, flags: OPEN_TREE) -> int:
    """open_tree(2): a mount, or with CLONE a detached copy of one, as a file descriptor."""
    result = _libc.syscall(
        c_long(_OPEN_TREE), c_int(dirfd), c_char_p(_encode(path)), c_ulong(flags)
    )
    return _check(result, "open_tree", dirfd=dirfd, path=path, flags=flags)


def move_mount(from_fd: int, from_path: Path, to_fd: int, to_path: Path, flags: MOVE_MOUNT) -> None:
    """move_mount(2)."""
    result = _libc.syscall(
        c_long(_MOVE_MOUNT),
        c_int(from_fd),
        c_char_p(_encode(from_path)),
        c_int(to_fd),
        c_char_p(_encode(to_path)),
        c_ulong(flags),
    )
    _check(result, "move_mount", from_fd=from_fd, to_fd=to_fd, to_path=to_path, flags=flags)


def close_range(first: int, flags: CLOSE_RANGE, last: int = _LAST_FD) -> None:
    """close_range(2), by default for `first` and all file descriptors after it."""
    result = _libc.syscall(c_long(_CLOSE_RANGE), c_long(first), c_long(last), c_long(flags))
    _check(result, "close_range", first=first, flags=flags)


class _MountAttr(ctypes.Structure):
    _fields_ = [(name, c_uint64) for name in ("set", "clear", "propagation", "userns_fd")]


def mount_setattr(
    dirfd: int,
    path: Path,
    flags: int,
    attr_set: MOUNT_ATTR = MOUNT_ATTR(0),  # noqa: B008
    attr_clear: MOUNT_ATTR = MOUNT_ATTR(0),  # noqa: B008
    propagation: MS = MS(0),  # noqa: B008
    userns_fd: int = 0,
) -> None:
    """mount_setattr(2)."""
    attributes = _MountAttr(attr_set, attr_clear, propagation, userns_fd)
    result = _libc.syscall(
        c_long(_MOUNT_SETATTR),
        c_int(dirfd),
        c_char_p(_encode(path)),
        c_long(flags),
        ctypes.byref(attributes),
        c_size_t(ctypes.sizeof(attributes)),
    )
    _check(result, "mount_setattr", dirfd=dirfd, path=path, attr_set=attr_set)


def prctl(option: PR, argument: int = 0, extra: int = 0) -> int:
    """prctl(2)."""
    result = _libc.prctl(option, argument, extra, 0, 0)
    return _check(result, "prctl", option=option, argument=argument)


def punch_hole(fd: int, offset: int, length: int) -> None:
    """fallocate(2): give back the disk space of a part of a file, which then reads as zeros."""
    result = _libc.fallocate(fd, _KEEP_SIZE_PUNCH_HOLE, offset, length)
    _check(result, "fallocate", fd=fd, mode="PUNCH_HOLE", offset=offset, length=length)


class _FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", c_char_p)]


def seccomp_load(program: bytes) -> None:
    """prctl(PR_SET_SECCOMP): install a filter of classic BPF instructions, 8 bytes each."""
    holder = _FilterProgram(len(program) // 8, program)
    result = _libc.prctl(PR.SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(holder), 0, 0)
    _check(result, "prctl", option=PR.SET_SECCOMP, instructions=len(program) // 8)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", c_uint32), ("pid", c_int)]


class _CapabilityData(ctypes.Structure):
    _fields_ = [(name, c_uint32) for name in ("effective", "permitted", "inheritable")]


def finit_module(fd: int) -> None:
    """finit_module(2), without parameters."""
    result = _syscall("finit_module", c_long(fd), c_char_p(b""), c_long(0))
    _check(result, "finit_module", fd=fd)


def power_off() -> None:
    """reboot(2): switch the machine off, at once; for its first process, after sync(2)."""
    _check(_libc.reboot(c_int(_POWER_OFF)), "reboot", command="POWER_OFF")


def capset(mask: int) -> None:
    """capset(2): make `mask` (bit n = capability n) effective and permitted, nothing inheritable."""
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    data = (_CapabilityData * 2)()
    for word in (0, 1):
        bits = (mask >> (32 * word)) & 0xFFFFFFFF
        data[word].effective = data[word].permitted = bits
    result = _syscall("capset", ctypes.byref(header), data)
    _check(result, "capset", mask=hex(mask))


def clear_ambient() -> None:
    """prctl(PR_CAP_AMBIENT, CLEAR_ALL)."""
    prctl(PR.CAP_AMBIENT, CAP_AMBIENT_CLEAR_ALL)


def _hook(name: str) -> Callable[[], None]:
    function: Any = getattr(ctypes.pythonapi, name)
    function.restype = None
    return function  # type: ignore[no-any-return]


_before_fork = _hook("PyOS_BeforeFork")
_after_fork_child = _hook("PyOS_AfterFork_Child")
_after_fork_parent = _hook("PyOS_AfterFork_Parent")


def _syscall(name: str, *arguments: Any) -> int:
    if name not in _NUMBERS:
        raise SyscallError(errno.ENOSYS, f"{name} on {platform.machine()}")
    return int(_libc.syscall(c_long(_NUMBERS[name]), *arguments))


def _encode(value: Path | None) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else os.fsencode(value)


def _check(result: int, call: str, /, **arguments: object) -> int:
    if tap.listener is not None:
        error = ctypes.get_errno()
        tap.tell(call, arguments, int(result), error if result < 0 else 0)
        ctypes.set_errno(error)
    if result >= 0:
        return result
    shown = ", ".join(f"{key}={value!r}" for key, value in arguments.items() if value is not None)
    raise SyscallError(ctypes.get_errno(), f"{call}({shown})")
