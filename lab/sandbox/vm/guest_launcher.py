"""The launcher inside of the guest: the same as on a host, between the daemon and the first process.

It has no lock to take and no starter to watch.  Instead it has a channel to the guest's first
process, which speaks with the host:

    to it      {"op": "warm"}, {"op": "ready"}, {"op": "publish" | "unpublish", ...} with a descriptor
               that the answer is to be sent to
    from it    {"op": "go", ...} for the daemon, {"op": "stop"}
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import replace
from pathlib import Path

from lab.config import EngineConfig
from lab.kernel import channel
from lab.sandbox.base import Launch
from lab.sandbox.ids import IdPlan
from lab.sandbox.launcher import Launcher
from lab.sandbox.vm.guest_mounts import CATALOG, ENGINE, HOST

_LAST_TO_GO = "-900"

SOCKET = Path("/run/lab/docker.sock")
"""Where the engine listens in the guest."""


class GuestLauncher(Launcher):
    """Runs the engine in the guest.  `control` is the channel to the guest's first process."""

    # another one would take a second to start, and this one is as small
    _interpreter = None

    def __init__(self, ids: IdPlan, control: socket.socket) -> None:
        super().__init__(Launch(ENGINE, SOCKET, None), self._tell)
        self._ids = ids
        self._control = control

    def _take_root(self, cleanup: contextlib.ExitStack) -> Path:
        # its disk is not even there yet; the host's launcher has its lock
        return ENGINE

    def _plan_ids(self) -> IdPlan:
        return self._ids

    def _configure(self, config: EngineConfig) -> EngineConfig:
        return replace(
            config, sandbox="vm", waits=True, bind_root=HOST, layers=CATALOG, forwards=True
        )

    def _serve(self, sandbox: int, spawner: socket.socket, daemon: socket.socket) -> int:
        self._watch(self._control, lambda: self._obey(sandbox, daemon))
        return super()._serve(sandbox, spawner, daemon)

    def _obey(self, sandbox: int, daemon: socket.socket) -> None:
        try:
            received = channel.receive(self._control)
        except OSError:
            received = None
        if received is None:
            self._selector.unregister(self._control)
        if received is None or received[0]["op"] == "stop":
            self._stop(sandbox, daemon)
            return
        with contextlib.suppress(OSError):
            channel.send(daemon, received[0])

    def _perform(self, message: channel.Message, fds: list[int]) -> None:
        if message["op"] == "warm":
            _protect()
            self._tell("warm")
        elif message["op"] in ("publish", "unpublish"):
            channel.send(self._control, message, fds)
        else:
            super()._perform(message, fds)

    def _tell(self, operation: str) -> None:
        with contextlib.suppress(OSError):
            channel.send(self._control, {"op": operation})


def _protect() -> None:
    """Have the kernel kill containers before the engine, when the machine's memory is full.

    This process and the daemon only: what the spawner forks would inherit it.
    """
    own = os.getpid()
    protected = [own]
    for spawner in _children(own):
        protected += _children(spawner)
    for pid in protected:
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text(_LAST_TO_GO)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
