"""The last steps before a container's program runs: terminal, user, filter, capabilities, execve.

Used for a container's first process (init) and for those that join it (enter).
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import stat
import struct
import termios

from lab.errors import StartError
from lab.kernel import channel, observed, syscalls
from lab.kernel.flags import PR
from lab.oci.runtime_spec import Process
from lab.runtime import capabilities, users

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_EXEC_FAILED = 255
_GET_NUMBER, _UNLOCK = 0x80045430, 0x40045431
"""TIOCGPTN and TIOCSPTLCK, which the termios module does not name.  Source: ioctl_tty(2)."""


def open_terminal(process: Process, console: int) -> str:
    """Make a terminal in the container's own /dev/pts, and send its master through `console`.

    The slave becomes the controlling terminal and standard input, output and error; its path
    is returned.
    """
    master = os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, _UNLOCK, struct.pack("i", 0))
    number = struct.unpack("i", fcntl.ioctl(master, _GET_NUMBER, struct.pack("i", 0)))[0]
    rows, columns = process.console_size
    if rows and columns:
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    slave = os.open(f"/dev/pts/{number}", os.O_RDWR | os.O_NOCTTY)
    with socket.socket(fileno=console) as sender:
        channel.send(sender, {"terminal": number}, [master])
    os.close(master)
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    use_stdio([slave, slave, slave])
    if slave > 2:
        os.close(slave)
    return f"/dev/pts/{number}"


def own_pipes(fds: list[int], owner: int) -> None:
    """Give the pipes among `fds` to `owner`, so that their user can open them by /proc/self/fd."""
    for fd in fds:
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.fchown(fd, owner, owner)


def check_stdio(process: Process, fds: list[int]) -> None:
    """Raise StartError unless the descriptors for standard input, output and error are all there.

    Without them the program would get those of the sandbox's first process.
    """
    if len(fds) != (1 if process.terminal else 3):
        raise StartError("standard input, output and error did not arrive")


def adjust_oom_score(process: Process) -> None:
    """Tell the kernel how gladly to kill this process, and those forked from it, for memory."""
    if process.oom_score_adj:
        try:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write(str(process.oom_score_adj))
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise StartError(f"write /proc/self/oom_score_adj: {reason}") from None


def use_stdio(fds: list[int]) -> None:
    """Make three descriptors standard input, output and error."""
    for number, fd in enumerate(fds):
        os.dup2(fd, number)


def run(process: Process, seccomp: bytes | None, new_root: bool, init: str = "") -> None:
    """Become the container's program; returns only by raising StartError.

    `new_root` says that this is a container's first process: its working folder is made if it
    is not there, as Docker does.  With an `init` the program is a child of this process, which
    becomes that one.
    """
    user = users.look_up(process.user, process.additional_groups)
    _own_stdio(user.uid)
    _enter_folder(process.cwd, new_root)
    env = dict(entry.partition("=")[::2] for entry in process.env)
    if not env.get("HOME"):
        env["HOME"] = user.home
    last = capabilities.last_capability()
    # from here on no file can be relied on to open: the limit may be as low as the user likes
    _apply_limits(process)
    _default_signals()
    mask = capabilities.mask_of(process.capabilities) & ((1 << (last + 1)) - 1)
    capabilities.drop_bounding(mask, last)
    if process.no_new_privileges:
        syscalls.prctl(PR.SET_NO_NEW_PRIVS, 1)
    if seccomp is not None:
        # still privileged here: without no_new_privs only a privileged process may filter itself
        syscalls.seccomp_load(seccomp)
    capabilities.become(user.uid, user.gid, user.groups, mask)
    # as the user, who may not be allowed to go everywhere
    program = find_program(process.args[0], env.get("PATH", _DEFAULT_PATH))
    if init:
        _leave_to_child(init, process, env)
    try:
        observed.execve(program, process.args, env)
    except OSError as error:
        # found, but not to be run (a script's interpreter is missing, a foreign architecture):
        # Docker counts that as a program that ran and failed
        os.write(2, f"exec {program}: {(error.strerror or '').lower()}\n".encode())
        os._exit(_EXEC_FAILED)


def _leave_to_child(init: str, process: Process, env: dict[str, str]) -> None:
    """Fork: return in the child, which is to be the program, and become `init` in the parent.

    See lab.runtime.reaper.  The child has the terminal, if there is one.
    """
    # before the fork: an early end of the child must not pass unnoticed
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    # execve closes it: nobody in the container sees what this process was before
    parent_there, not_yet = os.pipe()
    pid = observed.fork()
    if pid:
        observed.execve(init, (init, "--", *process.args), {str(pid): "", **env})
    os.close(not_yet)
    os.read(parent_there, 1)
    os.close(parent_there)
    os.setpgid(0, 0)
    if os.isatty(0):
        os.tcsetpgrp(0, os.getpid())
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def find_program(name: str, path: str) -> str:
    """Return the file that `name` stands for, searched in `path` unless it has a slash.

    Raises StartError with runc's words, which the docker CLI turns into exit code 126 or 127.
    """
    if "/" in name:
        return _check_program(name)
    for folder in path.split(":"):
        candidate = os.path.join(folder or ".", name)
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    raise StartError(f'exec: "{name}": executable file not found in $PATH', _NOT_FOUND)


def _check_program(name: str) -> str:
    try:
        mode = os.stat(name).st_mode
    except OSError as error:
        reason = (error.strerror or "").lower()
        code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
        raise StartError(f'exec: "{name}": stat {name}: {reason}', code) from None
    if stat.S_ISDIR(mode):
        raise StartError(f'exec: "{name}": is a directory', _NOT_EXECUTABLE)
    if not os.access(name, os.X_OK):
        raise StartError(f'exec: "{name}": permission denied', _NOT_EXECUTABLE)
    return name


def _own_stdio(uid: int) -> None:
    """Give the user the pipes it writes to, so that it can open /dev/stdout again."""
    for fd in (0, 1, 2):
        # nothing else: /dev/null belongs to everybody
        if stat.S_ISFIFO(os.fstat(fd).st_mode) or os.isatty(fd):
            os.fchown(fd, uid, -1)


def _enter_folder(path: str, make: bool) -> None:
    if make:
        try:
            os.makedirs(path, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise StartError(f"Cannot mkdir: {path} is not a directory") from None
        except OSError as error:
            raise StartError(f"mkdir {path}: {(error.strerror or '').lower()}") from None
    try:
        os.chdir(path)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise StartError(
            f'chdir to cwd ("{path}") set in config.json failed: {reason}', _NOT_EXECUTABLE
        ) from None


def _apply_limits(process: Process) -> None:
    for limit in process.rlimits:
        number: int = getattr(resource, limit.type)
        try:
            resource.setrlimit(number, (limit.soft, limit.hard))
        except (ValueError, OSError):
            raise StartError(
                f"error setting rlimit type {number}: operation not permitted"
            ) from None


def _default_signals() -> None:
    """Undo what was ignored: by this interpreter, or by whoever started the lab.

    Ignored signals would stay so after execve: a shell started in the background ignores
    SIGINT, and Ctrl-C would then end nothing in any container.
    """
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
