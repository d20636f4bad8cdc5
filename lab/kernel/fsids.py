"""Whose files a thread makes: setfsuid(2) and setfsgid(2), which concern the calling thread alone."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator
from contextlib import contextmanager

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
    _change(owner)


@contextmanager
def files_made_as(owner: int) -> Iterator[None]:
    """Do for a while what `make_files_as` does for good; for root's threads."""
    if owner == 0:
        yield
        return
    make_files_as(owner)
    try:
        yield
    finally:
        _change(0)
        syscalls.prctl(PR.SET_SECUREBITS, 0)


def _change(owner: int) -> None:
    for name, call in (("setfsgid", _libc.setfsgid), ("setfsuid", _libc.setfsuid)):
        call(owner)
        # the calls return the former id, whether they succeed or not
        if call(-1) != owner:
            raise SyscallError(errno.EPERM, f"{name}({owner})")
