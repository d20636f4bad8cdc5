"""The engine as the guest's first process sees it: a forked launcher, a channel, what it says."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.errors import LabError
from lab.kernel import channel
from lab.sandbox.ids import IdPlan
from lab.sandbox.vm import guest_devices, guest_mounts, guest_room
from lab.sandbox.vm.guest_launcher import GuestLauncher


@dataclass(frozen=True, slots=True)
class Engine:
    """`pid` is the launcher's; `control` the channel to it; `said` what it and its children write."""

    pid: int
    control: socket.socket
    said: int
    ids: IdPlan

    @classmethod
    def start(cls, ids: IdPlan) -> Engine:
        """Fork the launcher, which starts everything else."""
        control, control_end = channel.pair()
        said, said_end = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            control.close()
            os.close(said)
            _launch(ids, control_end, said_end)
        control_end.close()
        os.close(said_end)
        os.set_blocking(said, False)
        return cls(pid, control, said, ids)

    def mount(self, catalog: str | None, own: str, room: Mapping[str, Any]) -> str | None:
        """Show the engine the learner's disk and the host's files; return where the catalog is.

        `catalog` is its path on the host, `own` that of the folder which the disk lies in, `room`
        what the host has for the disk.  Raises LabError or OSError.
        """
        disk = guest_devices.find_disk("data")
        guest_mounts.mount_data(disk, self.ids)
        self.adapt(room)
        has_files = guest_mounts.mount_host(own)
        return guest_mounts.HOST + catalog if catalog and has_files else None

    def adapt(self, room: Mapping[str, Any]) -> None:
        """Let the learner's disk have no more room than the host has for it."""
        if room and guest_devices.find_disk("data"):
            guest_room.adapt(guest_mounts.FILLER, int(room["free"]), int(room["allocated"]))


def _launch(ids: IdPlan, control: socket.socket, said: int) -> None:
    """Be the launcher: the life of the forked child."""
    code = 1
    try:
        os.setsid()
        for fd in (1, 2):
            os.dup2(said, fd)
        code = GuestLauncher(ids, control).run()
    except LabError as error:
        _write(f"lab: {error.message}\n")
    except BaseException as error:
        _write(f"lab: the launcher in the guest has failed: {error!r}\n")
    finally:
        os._exit(code & 0xFF)


def _write(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text.encode())
