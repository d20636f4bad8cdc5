"""System calls that Python's own modules make, as wrappers that tell lab.kernel.tap of them.

They do, raise and return what those of Python do.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from typing import NoReturn

from lab.kernel.tap import tap

Path = str | os.PathLike[str]


def fork() -> int:
    """fork(2), which the C library makes a clone(2)."""
    pid = os.fork()
    if pid and tap.listener is not None:
        tap.tell("clone", {"flags": 0, "signal": "SIGCHLD"}, pid)
    return pid


def execve(path: str, argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """execve(2)."""
    told = {"path": path, "argv": " ".join(argv)}
    if tap.listener is not None:
        tap.tell("execve", told, None)
    try:
        os.execve(path, list(argv), dict(env))
    except OSError as error:
        if tap.listener is not None:
            tap.tell("execve", told, -1, error.errno or errno.EIO)
        raise


def sethostname(name: str) -> None:
    """sethostname(2)."""
    code = 0
    try:
        socket.sethostname(name)
    except OSError as error:
        code = error.errno or errno.EIO
        raise
    finally:
        _tell("sethostname", code, name=name)


def mkdir(path: Path, mode: int = 0o777) -> None:
    """mkdir(2); that it is there already is no error."""
    code = 0
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        code = errno.EEXIST
    except OSError as error:
        code = error.errno or errno.EIO
        raise
    finally:
        _tell("mkdir", code, path=path, mode=oct(mode))


def rmdir(path: Path) -> None:
    """rmdir(2)."""
    code = 0
    try:
        os.rmdir(path)
    except OSError as error:
        code = error.errno or errno.EIO
        raise
    finally:
        _tell("rmdir", code, path=path)


def write(path: Path, text: str) -> None:
    """write(2) of the whole `text` to a file of the kernel's: a limit, an id map, a group to join."""
    code = 0
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        code = error.errno or errno.EIO
        raise
    finally:
        os.close(fd)
        _tell("write", code, len(text), path=path, text=text)


def pidfd_send_signal(pidfd: int, number: int) -> None:
    """pidfd_send_signal(2)."""
    code = 0
    try:
        signal.pidfd_send_signal(pidfd, number)
    except OSError as error:
        code = error.errno or errno.ESRCH
        raise
    finally:
        _tell("pidfd_send_signal", code, pidfd=pidfd, signal=signal.Signals(number).name)


def _tell(name: str, code: int, result: int = 0, /, **arguments: object) -> None:
    if tap.listener is not None:
        tap.tell(name, arguments, -1 if code else result, code)
