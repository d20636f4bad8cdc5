"""The sandbox of kind `namespaces`: its first process, in new user, mount, pid, ipc, uts namespaces.

Only single-threaded processes may call this.  Source: user_namespaces(7), clone(2).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from lab.config import child_environ
from lab.errors import SandboxUnavailable, SyscallError
from lab.kernel import syscalls
from lab.kernel.flags import AT_FDCWD, CLONE, CLOSE_RANGE, MOUNT_ATTR, MS
from lab.kernel.program import become
from lab.sandbox.cgroup_tree import CgroupTree
from lab.sandbox.ids import IdPlan

_SANDBOX = CLONE.NEWUSER | CLONE.NEWNS | CLONE.NEWPID | CLONE.NEWIPC | CLONE.NEWUTS
_SPAWNER = """\
import sys
sys.path.insert(0, sys.argv[1])
from lab.runtime.spawner import main
daemon_fds = [int(fd) for fd in sys.argv[3].split(",") if fd]
main(int(sys.argv[2]), daemon_fds, sys.argv[4] or None, sys.argv[5:])
"""

_DAEMON = """\
import sys
sys.path[:] = sys.argv[1].split(":")
from lab.daemon import main
main(sys.argv[2], int(sys.argv[3]))
"""


def daemon_program(config: str) -> list[str]:
    """Return the source of the engine's daemon, and its arguments; the spawner appends a channel.

    Modules are found where this process finds them, and this package where this one is, whether or
    not it is installed: looking for that anew takes an interpreter as long as all the rest.
    """
    folders = dict.fromkeys([package_parent(), *filter(None, sys.path)])
    return [_DAEMON, ":".join(folders), config]


def package_parent() -> str:
    """Return the folder that holds the package `lab`."""
    return str(Path(__file__).resolve().parents[2])


def spawn(
    ids: IdPlan,
    cgroups: CgroupTree,
    launcher_fd: int,
    daemon_fds: list[int],
    daemon: list[str],
    interpreter: str | None = sys.executable,
) -> int:
    """Start the spawner as PID 1 of a new sandbox; return its pid as the host sees it.

    It keeps `launcher_fd`, and its daemon (source and arguments `daemon`) inherits `daemon_fds`.
    Both run in a fresh `interpreter`; with none they go on as copies of this process.
    """

    def program() -> None:
        listed = ",".join(map(str, daemon_fds))
        words = [package_parent(), str(launcher_fd), listed, interpreter or "", *daemon]
        become(_SPAWNER, words, [launcher_fd, *daemon_fds], interpreter, child_environ())

    return start_first(ids, cgroups, program)


def start_first(ids: IdPlan, cgroups: CgroupTree, program: Callable[[], None]) -> int:
    """Start `program` as PID 1 of a new sandbox; return its pid as the host sees it.

    It does not return; what it is to inherit it must say itself (see lab.kernel.program).
    """
    gate, go = os.pipe()
    try:
        pid = syscalls.clone(_SANDBOX)
    except SyscallError as error:
        raise SandboxUnavailable(
            f"this machine does not let its users make namespaces ({error.message})",
            hint="an administrator may allow it: sysctl user.max_user_namespaces and, on Debian,"
            " kernel.unprivileged_userns_clone",
        ) from None
    if pid == 0:
        _become(gate, go, program)
    os.close(gate)
    try:
        ids.write(pid)
        cgroups.adopt(pid)
        os.write(go, b"g")
    except BaseException:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(go)
    return pid


def make_user_namespace(ids: IdPlan) -> int:
    """Return a descriptor of a user namespace with the map of every container, seen from the host.

    Folders are shown through it (idmapped mounts); nothing ever runs in it.  For root only.
    """
    gate, go = os.pipe()
    pid = syscalls.clone(CLONE.NEWUSER)
    if pid == 0:
        os.close(go)
        os.read(gate, 1)
        os._exit(0)
    os.close(gate)
    try:
        ids.write_containers(pid)
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(go)
        os.waitpid(pid, 0)


def _become(gate: int, go: int, program: Callable[[], None]) -> None:
    try:
        os.close(go)
        if os.read(gate, 1) != b"g":
            os._exit(1)
        _take_id_0()
        # the terminal's Ctrl-C is for the launcher alone
        os.setsid()
        # what whoever started the lab had open must not reach a container
        syscalls.close_range(3, CLOSE_RANGE.CLOEXEC)
        _protect_interpreter()
        program()
    except BaseException as error:
        os.write(2, f"lab: the sandbox could not start: {error}\n".encode())
    finally:
        os._exit(1)


def _take_id_0() -> None:
    """Become the sandbox's id 0, where that is not the launcher's own (see lab.sandbox.ids)."""
    if os.getuid() != 0:
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)


def _protect_interpreter() -> None:
    """Make the file of this interpreter read-only in the sandbox's mount namespace.

    A container's first process is this interpreter until it becomes the container's program. If
    that is a script for `/proc/self/exe`, the image's own loader runs with the interpreter's file
    at hand, which may belong to the very user that a container's root is.
    """
    path = os.path.realpath(sys.executable)
    syscalls.mount(path, path, None, MS.BIND)
    syscalls.mount_setattr(AT_FDCWD, path, 0, MOUNT_ATTR.RDONLY)
