"""openat2(2): open a path that must not lead out of a directory.

Source: openat2(2), `struct open_how`.  The system call's number is the same on every architecture.
"""

from __future__ import annotations

import ctypes
import errno
import os
from enum import IntFlag

from lab.errors import SyscallError

_NUMBER = 437
_ATTEMPTS = 16

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class Resolve(IntFlag):
    """How the kernel walks the path, `resolve` of `struct open_how`."""

    NO_XDEV = 0x01
    NO_MAGICLINKS = 0x02
    NO_SYMLINKS = 0x04
    BENEATH = 0x08
    IN_ROOT = 0x10


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_SIZE = ctypes.c_size_t(ctypes.sizeof(_OpenHow))
_STRICT = int(Resolve.BENEATH | Resolve.NO_SYMLINKS | Resolve.NO_MAGICLINKS)


def openat2(dirfd: int, path: bytes, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """Open `path` as seen from the directory `dirfd`; return a close-on-exec descriptor.

    With Resolve.IN_ROOT, `dirfd` is the root: absolute paths, absolute links and `..` stay in it.
    Raises SyscallError with the call and its arguments.  Source: openat2(2).
    """
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    for _ in range(_ATTEMPTS):
        fd: int = _libc.syscall(_NUMBER, ctypes.c_int(dirfd), path, ctypes.byref(how), _SIZE)
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        # the kernel gives up when directories are renamed while it walks through `..`
        if code not in (errno.EAGAIN, errno.EINTR):
            break
    text = f"openat2({os.fsdecode(path)!r}, flags={flags:#o}, resolve={Resolve(resolve)!r})"
    raise SyscallError(code, text)


def open_beneath(dirfd: int, path: bytes, flags: int) -> int:
    """Open what lies at `path` below `dirfd`, following no symbolic link at all.

    An empty path is the directory itself.  Raises SyscallError: ELOOP where a link is met,
    EXDEV where the path would leave the directory.
    """
    return openat2(dirfd, path or b".", flags, 0, _STRICT)
