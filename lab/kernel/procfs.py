"""Reading /proc.  Source: proc(5)."""

from __future__ import annotations

import os
from dataclasses import dataclass


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


def resident_bytes(pid: int | str = "self") -> int:
    """Return how much memory of a process is resident."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
