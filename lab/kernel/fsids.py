"""Whose files a thread makes: setfsuid(2) and setfsgid(2), which concern the calling thread alone."""

from __future__ import annotations

import ctypes
import errno

from lab.errors import SyscallError
from lab.kernel import syscalls
from lab.kernel.flags import PR

_KEEP_CAPABILITIES = 1 << 2
"""SECBIT_NO_SETUID_FIXUP: capabilities stay whatever the ids.  Source: capabilities(7)."""

_libc = ctypes.CDLL(None, use_errno=True)


def make_files_as(owner: int) -> None:
    """Let files that this thread makes belong to the user and the group `owner`, for good.

    The thread keeps its privileges over all files.  It can then make files also in mounts that
    show other ids than they store, where nobody else's ids have a meaning.  Raises SyscallError.
    Source: mount_setattr(2), MOUNT_ATTR_IDMAP.
    """
    syscalls.prctl(PR.SET_SECUREBITS, _KEEP_CAPABILITIES)
    for name, call in (("setfsgid", _libc.setfsgid), ("setfsuid", _libc.setfsuid)):
        call(owner)
        # the calls return the former id, whether they succeed or not
        if call(-1) != owner:
            raise SyscallError(errno.EPERM, f"{name}({owner})")
