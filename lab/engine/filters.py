"""Seccomp programs, compiled once per set of capabilities and handed to the spawner."""

from __future__ import annotations

import hashlib
import threading

from lab.runtime.seccomp import compile_default
from lab.runtime.task import Tasks


class SeccompFilters:
    """Keeps track of the programs that the spawner has.  Thread-safe."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._keys: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()

    def key(self, capabilities: tuple[str, ...]) -> str:
        """Return the key of the default profile for these capabilities, compiling it if need be."""
        wanted = tuple(sorted(capabilities))
        with self._lock:
            if wanted not in self._keys:
                program = compile_default(wanted)
                key = hashlib.sha256(program).hexdigest()[:16]
                self._tasks.add_filter(key, program)
                self._keys[wanted] = key
            return self._keys[wanted]
