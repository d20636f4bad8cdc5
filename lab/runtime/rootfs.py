"""What a container sees as its file tree: layers, pivot_root, /proc, /dev, /sys, veiled files.

`mount_layers` runs in the sandbox's user namespace, before the container's own exists.  All else
runs inside, where after pivot_root no path can lead out any more.  Source: OCI runtime-spec,
config-linux.md, Default Filesystems and Devices.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection

from lab.errors import SyscallError
from lab.kernel import syscalls
from lab.kernel.flags import AT_FDCWD, MNT, MOUNT_ATTR, MOVE_MOUNT, MS, OPEN_TREE
from lab.oci.runtime_spec import Mount

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
PROC = Mount("/proc", "proc", "proc", ("nosuid", "nodev", "noexec"))
SYS = Mount("/sys", "sysfs", "sysfs", ("nosuid", "nodev", "noexec", "ro"))
MESSAGE_QUEUES = Mount("/dev/mqueue", "mqueue", "mqueue", ("nosuid", "nodev", "noexec"))

_LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
    "/dev/core": "/proc/kcore",
    "/dev/ptmx": "pts/ptmx",
}
_WORDS = {
    "ro": MS.RDONLY,
    "nosuid": MS.NOSUID,
    "nodev": MS.NODEV,
    "noexec": MS.NOEXEC,
    "bind": MS.BIND,
    "rbind": MS.BIND | MS.REC,
}
_IGNORED_WORDS = {"rw", "idmap", "rprivate", "private", "rslave", "slave", "z", "Z"}
_VEIL = MS.NOSUID | MS.NODEV | MS.NOEXEC


def split_options(options: tuple[str, ...]) -> tuple[MS, str]:
    """Split mount(8) words into flags and the data that the file system itself reads."""
    flags, data = MS(0), []
    for word in options:
        if word in _WORDS:
            flags |= _WORDS[word]
        elif word not in _IGNORED_WORDS:
            data.append(word)
    return flags, ",".join(data)


def mount_layers(mounts: list[Mount], base: str, target: str) -> None:
    """Mount a container's root file system at `target`; paths in options are relative to `base`."""
    syscalls.mount(None, "/", None, MS.REC | MS.PRIVATE)
    os.chdir(base)
    for entry in mounts:
        flags, data = split_options(entry.options)
        syscalls.mount(entry.source, target, entry.type or None, flags, data or None)
    os.chdir(target)


def enter_root(shared: Collection[str] = ()) -> None:
    """Make the current folder (a mount) the root, and mount what the specification asks for.

    What is `shared` with others (places as in lab.runtime.shared) is left to the caller.
    """
    devices = {name: _clone_device(name) for name in DEVICES}
    # the copy is ours to move; the mount itself is locked, since it came from outside
    flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | OPEN_TREE.AT_RECURSIVE
    root = syscalls.open_tree(AT_FDCWD, ".", flags)
    syscalls.move_mount(root, "", AT_FDCWD, ".", MOVE_MOUNT.F_EMPTY_PATH)
    os.fchdir(root)
    os.close(root)
    syscalls.pivot_root(".", ".")
    # the old root now lies over the new one; absolute paths already start in the new one, and
    # /proc and /sys may only be mounted while the old ones can still be seen
    for mount in (PROC, SYS):
        if mount.destination not in shared:
            mount_at(mount)
    syscalls.umount2(".", MNT.DETACH)
    os.chdir("/")
    _fill_dev(devices)
    if MESSAGE_QUEUES.destination not in shared:
        mount_at(MESSAGE_QUEUES)


def seal() -> None:
    """Make the root file system read-only, but not what is mounted in it."""
    syscalls.mount_setattr(AT_FDCWD, "/", 0, MOUNT_ATTR.RDONLY)


def mount_at(mount: Mount) -> None:
    """Mount a virtual file system at its destination, which is made if the image lacks it."""
    os.makedirs(mount.destination, exist_ok=True)
    flags, data = split_options(mount.options)
    syscalls.mount(mount.source, mount.destination, mount.type, flags, data or None)


def make_readonly(paths: tuple[str, ...]) -> None:
    """Make parts of /proc read-only; those that this kernel lacks are passed over."""
    for path in paths:
        if os.path.exists(path):
            syscalls.mount(path, path, None, MS.BIND | MS.REC)
            syscalls.mount(None, path, None, MS.BIND | MS.REMOUNT | MS.RDONLY | _VEIL)


def mask(paths: tuple[str, ...]) -> None:
    """Veil files with /dev/null and folders with an empty tmpfs; absent ones are passed over."""
    for path in paths:
        try:
            kind = os.stat(path).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(kind):
            syscalls.mount("tmpfs", path, "tmpfs", MS.RDONLY | _VEIL, "size=4k")
        else:
            syscalls.mount("/dev/null", path, None, MS.BIND)


def _clone_device(name: str) -> int:
    flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC
    return syscalls.open_tree(AT_FDCWD, f"/dev/{name}", flags)


def _fill_dev(devices: dict[str, int]) -> None:
    # mode 755: in a sticky, world-writable /dev the kernel refuses `> /dev/null`
    mount_at(Mount("/dev", "tmpfs", "tmpfs", ("nosuid", "mode=755", "size=65536k")))
    for name, fd in devices.items():
        os.close(os.open(f"/dev/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
        syscalls.move_mount(fd, "", AT_FDCWD, f"/dev/{name}", MOVE_MOUNT.F_EMPTY_PATH)
        os.close(fd)
    terminals = ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
    mount_at(Mount("/dev/pts", "devpts", "devpts", terminals))
    for path, target in _LINKS.items():
        os.symlink(target, path)


def bind_console(terminal: str) -> None:
    """Show the container's terminal as /dev/console too."""
    os.close(os.open("/dev/console", os.O_CREAT | os.O_WRONLY, 0o600))
    syscalls.mount(terminal, "/dev/console", None, MS.BIND)


def mount_virtual(entry: Mount) -> None:
    """Mount a file system that has no source: tmpfs, or the container's control groups.

    A kernel that refuses to show control groups leaves their folder empty.
    """
    if entry.type == "tmpfs":
        mount_at(entry)
    elif entry.type.startswith("cgroup"):
        with contextlib.suppress(SyscallError):
            mount_at(entry)
