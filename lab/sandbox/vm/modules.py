"""Loads the kernel's modules in the guest, from the disk with its root."""

from __future__ import annotations

import errno
import os

from lab.errors import SyscallError
from lab.kernel import syscalls

FOLDER = "/usr/lib/lab/modules"
"""The modules, named so that sorting gives an order in which each finds what it needs."""


def load(folder: str = FOLDER) -> None:
    """Load all modules; those that are loaded already are no error.  Raises SyscallError."""
    for name in sorted(os.listdir(folder)):
        fd = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.finit_module(fd)
        except SyscallError as error:
            if error.errno != errno.EEXIST:
                raise
        finally:
            os.close(fd)
