"""Containers without a process list of their own: what they leave running is ended with them.

Where a container has a pid namespace, the kernel ends all of its processes with the first one.
Source: pid_namespaces(7); as runc does it.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from lab.engine.containers import Container
from lab.runtime.cgroups import CgroupManager

_ATTEMPTS = 20
"""How often it is looked for more: a process may be forking while it is killed."""


class SharedPids:
    """Kills what is left in a container's control group, where it shares its pid namespace."""

    def __init__(self, cgroups: CgroupManager) -> None:
        self._cgroups = cgroups

    def began(self, container: Container) -> None:
        return

    def ended(self, container: Container) -> None:
        """Kill what the container has left running."""
        if not container.record.host.get("PidMode"):
            return
        for _ in range(_ATTEMPTS):
            left = self._cgroups.processes(container.id)
            if not left:
                return
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
