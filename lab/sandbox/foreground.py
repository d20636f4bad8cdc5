"""What every launcher needs, whatever its sandbox: signals, the root's lock, the engine's socket."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
from pathlib import Path

from lab.config import check_socket_path
from lab.errors import Conflict, InvalidParameter, LabError


def fill_standard_fds() -> None:
    """Open /dev/null where standard input, output or error are closed.

    Their numbers would be given to something else, which every process of the sandbox would then
    take for a place to write messages to.
    """
    while (fd := os.open("/dev/null", os.O_RDWR)) < 3:
        os.set_inheritable(fd, True)
    os.close(fd)


STOPPING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
"""Signals that ask for an orderly end; the last one comes when a terminal is closed."""


def catch_signals() -> int:
    """Return a descriptor on which the numbers of signals arrive."""
    wake, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    for number in (signal.SIGCHLD, *STOPPING):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    return wake


def make_root(root: Path) -> Path:
    """Make the folder of the engine's state; InvalidParameter if that cannot be."""
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return root.resolve()
    except OSError as error:
        raise _unusable(root, error) from None


def lock_root(root: Path) -> int:
    """Return a descriptor that holds the folder's lock; Conflict if an engine runs on it.

    Raises InvalidParameter if the folder cannot be written to.
    """
    try:
        fd = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(root, error) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise Conflict(
            f"another engine is already running on {root}",
            hint="stop it first, or give this one a folder of its own with --root",
        ) from None
    return fd


def _unusable(root: Path, error: OSError) -> InvalidParameter:
    reason = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
    return InvalidParameter(f"cannot use {root} for the engine's state: {reason}")


def listen(path: Path) -> socket.socket:
    """Bind the engine's socket, for its owner only; a stale one is replaced, a live one refused."""
    path = check_socket_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise Conflict(f"something already listens on {path}")
        remove_socket(path)
        listener = socket.socket(socket.AF_UNIX)
        try:
            _bind_private(listener, str(path))
            listener.listen(128)
        except OSError:
            listener.close()
            raise
        return listener
    except OSError as error:
        raise LabError(f"cannot listen on {path}: {error.strerror}") from None


def _bind_private(listener: socket.socket, path: str) -> None:
    umask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(umask)


def remove_socket(path: Path) -> None:
    """Remove a socket, but nothing else that may have taken its place."""
    if path.is_socket():
        path.unlink()
