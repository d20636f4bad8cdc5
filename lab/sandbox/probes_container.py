"""What a container of the sandbox `namespaces` gets, looked at from inside of a throw-away one."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

from lab.kernel import procfs
from lab.sandbox import probes
from lab.sandbox.probes_place import NAMESPACES, lowest_port, use_seccomp

_TALK_LIMIT = 1.0
_PORT = 9
_IP_RECVERR = 11
"""Also tell of errors that may pass.  Source: ip(7)."""


def try_thoroughly(root: Path) -> probes.Trial:
    """Try a sandbox as `probes.try_sandbox` does, with a closer look.

    Further steps: `ports` (seen: the first port that may be published), `own` (seen: the
    namespaces that the container has for itself), `talk`, `out`, `filter`.
    """
    outside = {name: procfs.namespace("self", name) for name in NAMESPACES if _exists(name)}
    extra = probes.Extra(
        outside={"ports": lowest_port},
        inside={
            "own": lambda: [
                name for name, number in outside.items() if procfs.namespace("self", name) != number
            ],
            "talk": _talk_to_bridge,
            "out": _leave_by_bridge,
            "filter": use_seccomp,
        },
    )
    return probes.try_sandbox(root, extra)


def _exists(name: str) -> bool:
    return os.path.exists(f"/proc/self/ns/{name}")


def _talk_to_bridge() -> None:
    """Reach the bridge: that nobody listens there is an answer too."""
    with socket.socket() as trial:
        trial.settimeout(_TALK_LIMIT)
        try:
            trial.connect((probes.BRIDGE_ADDRESS, _PORT))
        except OSError as error:
            if error.errno != errno.ECONNREFUSED:
                raise


def _leave_by_bridge() -> None:
    """Send to an address outside (one that is for documentation only: RFC 5737)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.settimeout(_TALK_LIMIT)
        trial.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        trial.connect(("192.0.2.1", _PORT))
        trial.send(b"")
        # what routers refuse is told here
        with contextlib.suppress(TimeoutError):
            trial.recv(1)
