"""What a container that does not run would see, as one descriptor: for `docker cp`.

A forked child of the spawner mounts the container's layers and binds in a mount namespace of its
own, and gives the daemon a detached copy of it all.  The copy lives as long as its descriptor.
Source: open_tree(2).
"""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import dataclass
from typing import Any

from lab.errors import LabError
from lab.kernel import channel, syscalls
from lab.kernel.flags import AT_FDCWD, CLONE, OPEN_TREE
from lab.kernel.idmap import IdMap
from lab.oci.runtime_spec import Mount
from lab.runtime import binds, rootfs

_WHOLE = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | OPEN_TREE.AT_RECURSIVE


@dataclass(frozen=True, slots=True)
class Wanted:
    """A TREE message, with the launcher, which the spawner adds; `place` is a folder to mount on."""

    place: str
    base: str
    layers: list[Mount]
    mounts: list[Mount]
    ids: IdMap
    idmapped: bool
    hidden: list[str]
    bind_root: str
    launcher: socket.socket

    @classmethod
    def from_message(cls, message: dict[str, Any], launcher: socket.socket) -> Wanted:
        return cls(
            place=message["place"],
            base=message["base"],
            layers=[_mount(layer) for layer in message["rootfs"]],
            mounts=[_mount(each) for each in message["mounts"]],
            ids=IdMap(**message["ids"]),
            idmapped=message["idmapped"],
            hidden=message["hidden"],
            bind_root=message["bind_root"],
            launcher=launcher,
        )


def fork(message: dict[str, Any], answer: int, launcher: socket.socket) -> int:
    """Fork a process that serves a TREE message, whose descriptor is `answer`; return its pid."""
    wanted = Wanted.from_message(message, launcher)
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        try:
            _show(wanted, answer)
        finally:
            os._exit(0)
    return pid


def _show(wanted: Wanted, answer: int) -> None:
    """Send the tree, or why there is none, to the channel `answer`."""
    with socket.socket(fileno=answer) as theirs:
        try:
            tree = _assemble(wanted)
        except LabError as error:
            channel.send(theirs, {"error": error.message})
        except OSError as error:
            channel.send(theirs, {"error": str(error)})
        else:
            channel.send(theirs, {}, [tree])


def _assemble(wanted: Wanted) -> int:
    syscalls.unshare(CLONE.NEWNS)
    rootfs.mount_layers(wanted.layers, wanted.base, wanted.place)
    trees = binds.open_all(wanted.mounts, wanted)
    for mount, tree in trees.items():
        binds.attach(tree, mount, wanted.ids.to_sandbox(0))
    return syscalls.open_tree(AT_FDCWD, ".", _WHOLE)


def _mount(members: dict[str, Any]) -> Mount:
    return Mount(**{**members, "options": tuple(members["options"])})
