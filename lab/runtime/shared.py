"""File systems that belong to namespaces a container does not have for itself.

/proc shows a pid namespace, /sys a network namespace, /dev/mqueue and /dev/shm go with an ipc
namespace, /sys/fs/cgroup with a cgroup namespace.  Only who rules such a namespace may mount them:
so `set_up` does it for a container that shares the sandbox's, and takes those of another
container from there.  Source: namespaces(7), mount_namespaces(7).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

from lab.errors import StartError
from lab.kernel import channel, syscalls
from lab.kernel.flags import AT_FDCWD, CLONE, MNT, MS, OPEN_TREE
from lab.oci.runtime_spec import Mount
from lab.runtime.rootfs import MESSAGE_QUEUES, PROC, SYS, split_options

HOST_SHM = "shm"
"""The folder of the engine's state on which the sandbox's own shared memory is mounted."""

_OTHERS = "others"
"""An option of mounts that are another container's."""
_SHM = "/dev/shm"
_CGROUP = "/sys/fs/cgroup"
_OF_SANDBOX = {
    "network": (Mount(SYS.destination, "bind", SYS.source, ("ro",)),),
    "pid": (Mount(PROC.destination, "bind", PROC.source),),
    "ipc": (
        Mount(MESSAGE_QUEUES.destination, "bind", MESSAGE_QUEUES.source),
        Mount(_SHM, "bind", "shm"),
    ),
    "cgroup": (Mount(_CGROUP, "bind", "cgroup", ("ro",)),),
}
_OF_OTHERS = {
    "pid": (Mount(PROC.destination, "bind", PROC.source, (_OTHERS,)),),
    "ipc": tuple(
        Mount(each.destination, "bind", each.source, (_OTHERS,)) for each in _OF_SANDBOX["ipc"]
    ),
}
_ALL = frozenset(
    mount for mounts in (*_OF_SANDBOX.values(), *_OF_OTHERS.values()) for mount in mounts
)
_OWN = {each.destination: each for each in (SYS, PROC, MESSAGE_QUEUES)}
_VEIL = MS.NOSUID | MS.NODEV | MS.NOEXEC
_TREE = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC
_WHOLE = _TREE | OPEN_TREE.AT_RECURSIVE


@dataclass(frozen=True, slots=True)
class Donor:
    """A process whose namespaces a container has too: which ones, and a pidfd."""

    names: tuple[str, ...]
    pidfd: int


def mounts_of(of_host: Collection[str], of_others: Collection[str]) -> list[Mount]:
    """Return what a container is shown for namespaces of the sandbox and of other containers.

    `of_others` names those of containers whose user namespace it does not have, and `ipc`.
    """
    found = [mount for name in of_host for mount in _OF_SANDBOX.get(name, ())]
    return found + [mount for name in of_others for mount in _OF_OTHERS.get(name, ())]


def is_shared(mount: Mount) -> bool:
    """Return whether a mount is one of those that `mounts_of` returns."""
    return mount in _ALL


def open_shared(mount: Mount, donors: Collection[Donor], folder: str, state: str) -> int:
    """Return a detached tree of such a mount.

    `folder` is a place to mount on for a moment, in the caller's mount namespace; `state` the
    engine's folder.  Raises StartError if the other container has ended.
    """
    if _OTHERS in mount.options:
        return _of_other(mount, donors, folder)
    if mount.destination == _SHM:
        return syscalls.open_tree(AT_FDCWD, f"{state}/{HOST_SHM}", _TREE)
    if mount.destination == _CGROUP:
        return syscalls.open_tree(AT_FDCWD, _CGROUP, _WHOLE)
    return _mounted(_OWN[mount.destination], folder)


def mount_host_shm(state: str) -> None:
    """Mount the sandbox's own shared memory, which containers with `--ipc host` are shown, once."""
    folder = f"{state}/{HOST_SHM}"
    os.makedirs(folder, exist_ok=True)
    if not os.path.ismount(folder):
        syscalls.mount("shm", folder, "tmpfs", _VEIL, "mode=1777")


def _of_other(mount: Mount, donors: Collection[Donor], folder: str) -> int:
    name = "pid" if mount.destination == PROC.destination else "ipc"
    (pidfd,) = (donor.pidfd for donor in donors if name in donor.names)
    if name == "ipc":
        # its message queues and shared memory lie in its own mount namespace
        return _in_child(pidfd, CLONE.NEWNS, lambda: _taken(mount.destination))

    def within() -> int:
        # only a child of this process is in the pid namespace, and mounts what shows it
        return _in_child(pidfd, CLONE(0), lambda: _mounted(PROC, folder))

    return _in_child(pidfd, CLONE.NEWPID, within)


def _taken(path: str) -> int:
    return syscalls.open_tree(AT_FDCWD, path, _TREE)


def _mounted(own: Mount, folder: str) -> int:
    """Return a detached file system of the namespace that this process is in."""
    os.makedirs(folder, exist_ok=True)
    flags, _ = split_options(own.options)
    syscalls.mount(own.source, folder, own.type, flags)
    try:
        return syscalls.open_tree(AT_FDCWD, folder, _TREE)
    finally:
        syscalls.umount2(folder, MNT.DETACH)


def _in_child(pidfd: int, joined: CLONE, step: Callable[[], int]) -> int:
    """Return the descriptor that `step` opens in a child, which has `joined` namespaces before."""
    ours, theirs = channel.pair()
    with ours:
        child = syscalls.clone(CLONE(0))
        if child == 0:
            try:
                ours.close()
                if joined:
                    syscalls.setns(pidfd, joined)
                channel.send(theirs, {}, [step()])
            finally:
                os._exit(0)
        theirs.close()
        received = channel.receive(ours)
        os.waitpid(child, 0)
    if received is None or not received[1]:
        raise StartError("cannot share a namespace of a container that has ended")
    return received[1][0]
