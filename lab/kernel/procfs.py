"""Reading /proc.  Source: proc(5)."""

from __future__ import annotations

import os
from dataclasses import dataclass

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
"""The kinds of namespaces, as their files in /proc/PID/ns are called."""


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What /proc/PID/status says; `nspid` are its numbers from this namespace to the innermost."""

    pid: int
    parent: int
    nspid: tuple[int, ...]
    name: str
    state: str
    uid: int
    resident_bytes: int
    threads: int


@dataclass(frozen=True, slots=True)
class MountInfo:
    """One line of /proc/PID/mountinfo: what is mounted where."""

    root: str
    mount_point: str
    options: str
    fstype: str
    source: str
    super_options: str


def mounts(pid: int | str = "self") -> list[MountInfo]:
    """Return the mounts that a process sees."""
    found = []
    with open(f"/proc/{pid}/mountinfo", errors="surrogateescape") as file:
        for line in file:
            left, _, right = line.rstrip("\n").partition(" - ")
            fields, tail = left.split(" "), right.split(" ")
            root, point = _unescape(fields[3]), _unescape(fields[4])
            found.append(MountInfo(root, point, fields[5], tail[0], tail[1], tail[2]))
    return found


def cgroup_paths(pid: int | str = "self") -> dict[str, str]:
    """Return a process's cgroup per controller; the key of version 2 is the empty string."""
    paths = {}
    with open(f"/proc/{pid}/cgroup") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            for controller in controllers.split(","):
                paths[controller] = path
    return paths


def start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 if there is no such process.

    Together with its pid this names a process for good, since pids are used again.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            after_name = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0
    return int(after_name[19])


def catches(pid: int, signal: int) -> bool:
    """Return whether a process has a handler for a signal; also True if that cannot be told."""
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name == "SigCgt":
                    return bool(int(value, 16) >> (signal - 1) & 1)
    except OSError:
        pass
    return True


def namespace(pid: int | str, name: str) -> int:
    """Return the inode number of one of a process's namespaces (`net`, `pid`, ...)."""
    link = os.readlink(f"/proc/{pid}/ns/{name}")
    return int(link.partition("[")[2].rstrip("]"))


def namespaces(pid: int | str) -> dict[str, int]:
    """Return the inode numbers of a process's namespaces; those that cannot be read are left out."""
    found = {}
    for name in NAMESPACES:
        try:
            found[name] = namespace(pid, name)
        except OSError:
            continue
    return found


def status(pid: int) -> ProcessStatus:
    """Return the state of a process; OSError if there is none."""
    with open(f"/proc/{pid}/status", errors="replace") as file:
        members = dict(line.rstrip("\n").partition(":")[::2] for line in file)
    return ProcessStatus(
        pid=pid,
        parent=int(members["PPid"]),
        nspid=tuple(map(int, members.get("NSpid", str(pid)).split())),
        name=members["Name"].strip(),
        state=members["State"].strip(),
        uid=int(members["Uid"].split()[1]),
        # a zombie has no memory any more
        resident_bytes=int(members.get("VmRSS", "0 kB").split()[0]) * 1024,
        threads=int(members["Threads"]),
    )


def command(pid: int, limit: int) -> tuple[str, ...]:
    """Return the words of a process's command line, its first `limit` bytes; none if it has none."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            content = file.read(limit)
    except OSError:
        return ()
    text = content.rstrip(b"\0").decode(errors="replace")
    return tuple(text.split("\0")) if text else ()


def id_map(kind: str) -> list[tuple[int, int, int]]:
    """Return (inside, outside, count) rows of this process's own `uid` or `gid` map."""
    with open(f"/proc/self/{kind}_map") as file:
        rows = [tuple(map(int, line.split())) for line in file]
    return [(row[0], row[1], row[2]) for row in rows]


def translate(number: int, rows: list[tuple[int, int, int]]) -> int | None:
    """Return what an id inside is outside, by an `id_map`; None if it is nothing there."""
    for inside, outside, count in rows:
        if inside <= number < inside + count:
            return outside + number - inside
    return None


def pid_of(pidfd: int) -> int:
    """Return the number that a process has for this one, whose /proc is ours; 0 if it is gone.

    `pidfd` may come from another pid namespace.  Source: pidfd_open(2), /proc/PID/fdinfo.
    """
    try:
        with open(f"/proc/self/fdinfo/{pidfd}") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name == "Pid":
                    return max(0, int(value))
    except OSError:
        pass
    return 0


def resident_bytes(pid: int | str = "self") -> int:
    """Return how much memory of a process is resident."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
