"""Capabilities by name, Docker's default set, and how a process takes on a set.

Source: capabilities(7), include/uapi/linux/capability.h; Docker's documentation of `--cap-add`.
"""

from __future__ import annotations

import os

from lab.kernel import syscalls
from lab.kernel.flags import PR

NAMES = (
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID "
    "CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST "
    "CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO "
    "CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE "
    "CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE "
    "CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM "
    "CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE"
).split()
"""All capabilities, in the order of their numbers."""

DEFAULT = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)
"""What Docker leaves to a container."""

_NUMBER = {name: number for number, name in enumerate(NAMES)}


def mask_of(names: tuple[str, ...]) -> int:
    """Return the bit mask of a set of capability names; KeyError for an unknown one."""
    return sum(1 << _NUMBER[name] for name in set(names))


def last_capability() -> int:
    """Return the highest capability number that the running kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap") as file:
        return int(file.read())


def drop_bounding(mask: int, last: int) -> None:
    """Take everything outside `mask` from the bounding set of this process."""
    for number in range(last + 1):
        if not mask >> number & 1:
            syscalls.prctl(PR.CAPBSET_DROP, number)


def become(uid: int, gid: int, groups: list[int], mask: int) -> None:
    """Take on the ids, then exactly the capabilities in `mask`.

    A process of another id than 0 loses them again at execve, as with Docker.
    """
    syscalls.prctl(PR.SET_KEEPCAPS, 1)
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    syscalls.clear_ambient()
    syscalls.capset(mask)
