"""Seccomp programs, compiled once per set of capabilities and handed to the spawner."""

from __future__ import annotations

import hashlib
import json
import threading

from lab.engine.security import BUILTIN, UNCONFINED
from lab.runtime.seccomp import compile_default
from lab.runtime.seccomp_profile import compile_profile
from lab.runtime.task import Tasks


class SeccompFilters:
    """Keeps track of the programs that the spawner has.  Thread-safe."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._keys: dict[tuple[str, tuple[str, ...]], str] = {}
        self._lock = threading.Lock()

    def key(self, capabilities: tuple[str, ...], profile: str = BUILTIN) -> str:
        """Return the key of a profile for these capabilities, compiling it if need be.

        `profile` is as in lab.engine.security.Security; the key for none is empty.
        """
        if profile == UNCONFINED:
            return ""
        wanted = profile, tuple(sorted(capabilities))
        with self._lock:
            if wanted not in self._keys:
                program = _compile(*wanted)
                key = hashlib.sha256(program).hexdigest()[:16]
                self._tasks.add_filter(key, program)
                self._keys[wanted] = key
            return self._keys[wanted]


def _compile(profile: str, capabilities: tuple[str, ...]) -> bytes:
    if profile == BUILTIN:
        return compile_default(capabilities)
    return compile_profile(json.loads(profile), capabilities)
