"""What any engine will have to do once, done before there is one.

A virtual machine is saved in this state: what was done by then costs no later start anything.
"""

from __future__ import annotations

import gc
import importlib

from lab.runtime import capabilities
from lab.runtime.seccomp import compile_default

_LATE = ("isal.igzip_lib", "isal.isal_zlib", "lab.runtime.cgroup_v1", "lab.runtime.cgroup_v2")
"""Modules that are otherwise imported when they are first needed."""


def warm_up() -> None:
    """Import what is imported late, compile containers' seccomp filter, tidy the memory.

    Call it when everything else is imported.  Raises OSError if the system has no libseccomp.
    """
    for name in _LATE:
        importlib.import_module(name)
    compile_default(tuple(sorted(capabilities.DEFAULT)))
    gc.collect()
    # what is there by now stays for good: later collections need not look at it again
    gc.freeze()
