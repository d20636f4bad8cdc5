"""How much room the host has for the learner's disk, and what happens when there is none.

The disk is a sparse file, larger than what may be free around it.  The guest is told how much it may
still take, so that a program which fills the disk hears "No space left on device", as anywhere.
Where others on the host were quicker, QEMU pauses the machine; it goes on as soon as there is room.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from lab.errors import LabError
from lab.sandbox.vm.loop import Loop
from lab.sandbox.vm.mux import Message
from lab.sandbox.vm.qmp import Qmp

INTERVAL = 1.0
_CHANGE = 8 << 20
_LOW = 64 << 20
_PAUSED = "io-error"


def room_for(disk: Path) -> Message:
    """Return the bytes that are `free` around the disk, and `allocated` to it already."""
    around = os.statvfs(disk.parent)
    return {
        "op": "room",
        "free": around.f_bavail * around.f_frsize,
        "allocated": disk.stat().st_blocks * 512,
    }


class RoomKeeper:
    """Tells the guest of changes, by `send`, and lets a paused machine go on, by `qmp`.

    `complain` is called with a sentence when the machine has to wait.
    """

    def __init__(
        self,
        disk: Path,
        loop: Loop,
        send: Callable[[Message], None],
        qmp: Qmp,
        complain: Callable[[str], None],
    ) -> None:
        self._disk = disk
        self._loop = loop
        self._send = send
        self._qmp = qmp
        self._complain = complain
        self._told = room_for(disk)
        self._waits = False
        self._ended = False
        loop.after(INTERVAL, self._look)

    def end(self) -> None:
        """Look no more; the machine is about to end."""
        self._ended = True

    def _look(self) -> None:
        if self._ended:
            return
        with contextlib.suppress(OSError, LabError):
            room = room_for(self._disk)
            if self._waits or room["free"] < _LOW:
                self._see_to_pause(room["free"])
            if any(abs(room[key] - self._told[key]) >= _CHANGE for key in ("free", "allocated")):
                self._told = room
                self._send(room)
        self._loop.after(INTERVAL, self._look)

    def _see_to_pause(self, free: int) -> None:
        paused = self._qmp.execute("query-status")["status"] == _PAUSED
        if paused and not self._waits:
            self._complain(
                f"the disk around {self._disk} is full: the microVM waits until there is room"
            )
        self._waits = paused
        if paused and free > _LOW // 8:
            self._qmp.execute("cont")
