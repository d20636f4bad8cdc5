"""What a system call that the engine makes is for, and which ones are alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN = (
    "clone",
    "unshare",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "open_tree",
    "move_mount",
    "mount_setattr",
    "sethostname",
    "capset",
    "execve",
    "mkdir",
    "rmdir",
    "pidfd_send_signal",
    "sendto",
    "close_range",
)

_OPTIONS = {
    "PR_CAPBSET_DROP": "prctl_bounding",
    "PR_SET_SECCOMP": "prctl_seccomp",
    "PR_SET_NO_NEW_PRIVS": "prctl_no_new_privs",
    "PR_SET_DUMPABLE": "prctl_dumpable",
    "PR_SET_KEEPCAPS": "prctl_keepcaps",
    "PR_CAP_AMBIENT": "prctl_ambient",
}

# the end of a file's name -> what a write to it is for
_FILES = (
    ("uid_map", "write_ids"),
    ("gid_map", "write_ids"),
    ("setgroups", "write_ids"),
    ("tasks", "write_join"),
    ("cgroup.procs", "write_join"),
    ("freezer.state", "write_freeze"),
    ("cgroup.freeze", "write_freeze"),
)

_LIMITS = ("memory", "cpu", "pids", "cpuset", "blkio", "io")

_MOUNTS = {"overlay": "mount_overlay", "proc": "mount_proc"}

KEYS = (
    *_PLAIN,
    *_OPTIONS.values(),
    *dict.fromkeys(key for _, key in _FILES),
    "write_limit",
    *_MOUNTS.values(),
    "mount_hide",
)

_ALIKE = ("open_tree", "move_mount", "mount_setattr", "close_range")


def about(name: str, arguments: Mapping[str, Any]) -> str:
    """Return the key of the text (`sys_KEY`) that explains a system call; empty: there is none."""
    if name == "prctl":
        return _OPTIONS.get(str(arguments.get("option")), "")
    if name == "write":
        return _about_file(str(arguments.get("path", "")))
    if name == "mount":
        return _about_mount(arguments)
    return name if name in _PLAIN else ""


def fold_key(name: str, arguments: Mapping[str, Any]) -> str:
    """Return what must be equal for two system calls in a row to be drawn as one, with a count."""
    if name in _ALIKE:
        return ""
    if name == "prctl":
        return str(arguments.get("option"))
    if name in ("mkdir", "rmdir"):
        return str(arguments.get("path")).rpartition("/")[2]
    if name == "write" and about(name, arguments) == "write_join":
        return "join"
    return repr(sorted(arguments.items(), key=str))


def _about_file(path: str) -> str:
    for ending, key in _FILES:
        if path.endswith(ending):
            return key
    return "write_limit" if path.rpartition("/")[2].startswith(_LIMITS) else ""


def _about_mount(arguments: Mapping[str, Any]) -> str:
    target = str(arguments.get("target", ""))
    found = _MOUNTS.get(str(arguments.get("fstype")))
    if found:
        return found
    hides = target.startswith(("/proc/", "/sys/firmware"))
    return "mount_hide" if hides else "mount"
