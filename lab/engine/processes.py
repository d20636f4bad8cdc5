"""The processes of a container, seen from inside and from outside.

The same process has one number in its container, another in the sandbox and a third one on the
host; the same goes for its user.  Source: proc_pid_status(5) (NSpid, Uid), pid_namespaces(7).
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lab.engine.containers import Container
from lab.engine.namespaces import running_pid
from lab.kernel import procfs
from lab.kernel.idmap import IdMap
from lab.kernel.openat2 import Resolve, openat2
from lab.kernel.procfs import ProcessStatus

MAX_PROCESSES = 500
"""The most processes that are listed."""

_ACCOUNTS_BYTES = 1 << 18
_COMMAND_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Seen:
    """One process; numbers by where they hold: in the container, the sandbox, on the host.

    `parent` is the parent's number in the container, 0 for what came from outside.  `host_pid`
    and `host_uid` are None where nobody can tell.  `user` is the name that the container's own
    accounts give to `uid`, or empty.
    """

    pid: int
    sandbox_pid: int
    host_pid: int | None
    parent: int
    name: str
    command: tuple[str, ...]
    state: str
    uid: int
    user: str
    sandbox_uid: int
    host_uid: int | None
    memory_bytes: int
    threads: int


@dataclass(frozen=True, slots=True)
class ProcessList:
    """The processes by their number in the container; `total` may be more than are listed."""

    processes: tuple[Seen, ...]
    total: int


class ProcessView:
    """Looks; belongs to the event loop's thread."""

    def __init__(
        self,
        grouped: Callable[[str], list[int]],
        host_pids: Callable[[Sequence[int]], list[int]],
        ids: IdMap,
    ) -> None:
        """`grouped` gives the processes of a container's control group, none where there are no
        groups; `host_pids` the host's numbers of processes by pidfd, 0 for unknown."""
        self._grouped = grouped
        self._host_pids = host_pids
        self._ids = ids

    async def of(self, container: Container) -> ProcessList:
        """Return the processes of a container; Conflict if it does not run."""
        first = running_pid(container)
        return await asyncio.to_thread(self._of, container.id, first)

    def _of(self, identity: str, first: int) -> ProcessList:
        pids = sorted(self._grouped(identity) or _same_mounts(first))
        found = [status for pid in pids[:MAX_PROCESSES] if (status := _status(pid)) is not None]
        names = _accounts(first)
        inside = {status.pid: status.nspid[-1] for status in found}
        rows = procfs.id_map("uid")
        seen = [self._seen(status, inside.get(status.parent, 0), names, rows) for status in found]
        seen = self._with_host_pids(seen)
        return ProcessList(tuple(sorted(seen, key=lambda each: each.pid)), len(pids))

    def _seen(
        self,
        status: ProcessStatus,
        parent: int,
        names: dict[int, str],
        rows: list[tuple[int, int, int]],
    ) -> Seen:
        uid = self._ids.to_container(status.uid)
        return Seen(
            pid=status.nspid[-1],
            sandbox_pid=status.pid,
            host_pid=None,
            parent=parent,
            name=status.name,
            command=procfs.command(status.pid, _COMMAND_BYTES) or (f"[{status.name}]",),
            state=status.state,
            uid=uid,
            user=names.get(uid, ""),
            sandbox_uid=status.uid,
            host_uid=procfs.translate(status.uid, rows),
            memory_bytes=status.resident_bytes,
            threads=status.threads,
        )

    def _with_host_pids(self, seen: list[Seen]) -> list[Seen]:
        pidfds: list[int] = []
        try:
            for each in seen:
                try:
                    pidfds.append(os.pidfd_open(each.sandbox_pid))
                except OSError:  # it has just ended
                    pidfds.append(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
            numbers = self._host_pids(pidfds)
        finally:
            for fd in pidfds:
                os.close(fd)
        return [
            replace(each, host_pid=number or None)
            for each, number in zip(seen, numbers, strict=True)
        ]


def _status(pid: int) -> ProcessStatus | None:
    try:
        return procfs.status(pid)
    except OSError:
        return None  # it has just ended


def _same_mounts(first: int) -> list[int]:
    """Return the processes that see the files of process `first`: a container's, without groups."""
    try:
        wanted = procfs.namespace(first, "mnt")
    except OSError:
        return []
    found = []
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if procfs.namespace(entry, "mnt") == wanted:
                found.append(int(entry))
        except OSError:
            continue
    return found


def _accounts(pid: int) -> dict[int, str]:
    """Return the names of users in the container's own /etc/passwd; no link leads out of it."""
    try:
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK
        fd = openat2(root, b"etc/passwd", flags, 0, Resolve.IN_ROOT | Resolve.NO_MAGICLINKS)
    except OSError:
        return {}
    finally:
        os.close(root)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return {}
        content = file.read(_ACCOUNTS_BYTES)
    found: dict[int, str] = {}
    for line in content.decode(errors="replace").splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2].isascii() and fields[2].isdecimal():
            found.setdefault(int(fields[2]), fields[0])
    return found
