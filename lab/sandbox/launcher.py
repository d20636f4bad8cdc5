"""The process outside of the sandbox: starts it, does for it what only the host may, cleans up.

It stays in the host's namespaces and is single-threaded.  While it lives it serves two channels:
the spawner's (show a bound folder with the container's ids) and the daemon's (`ready`, whether a
folder could be shown so, and ports of the host that the daemon may not bind).  When it ends,
however it ends, the kernel ends the sandbox.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab.config import EngineConfig
from lab.errors import LabError, SyscallError
from lab.kernel import channel, ports, procfs, syscalls
from lab.kernel.flags import AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR, OPEN_TREE
from lab.sandbox import cgroup_tree, foreground, namespaces
from lab.sandbox.base import Launch
from lab.sandbox.cgroup_tree import CgroupTree
from lab.sandbox.ids import IdPlan, plan_ids

STOP_LIMIT = 20.0
"""Seconds that the daemon has to stop its containers before everything is killed."""


class Launcher:
    """Runs one sandbox in the foreground.

    In a virtual machine lab.sandbox.vm.guest_launcher extends it: `_take_root`, `_plan_ids`,
    `_interpreter`, `_configure`, `_serve` and `_perform` are what differs there.
    """

    _interpreter: str | None = sys.executable
    """What spawner and daemon run in; None: copies of this process."""

    def __init__(self, launch: Launch, say: Callable[[str], None]) -> None:
        self._launch = launch
        self._say = say
        self._idmap_fd: int | None = None
        self._kill_at: float | None = None
        self._ready = False
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Start the sandbox, serve it until it is asked to stop, and return the exit code.

        Raises LabError if the engine ends by itself.
        """
        launch = self._launch
        foreground.fill_standard_fds()
        with contextlib.ExitStack() as cleanup:
            root = self._take_root(cleanup)
            ids = self._plan_ids()
            cgroups = cgroup_tree.create(ids.owner_uid, ids.owner_gid)
            cleanup.callback(cgroups.remove)
            if ids.container_base:
                self._idmap_fd = namespaces.make_user_namespace(ids)
                cleanup.callback(os.close, self._idmap_fd)
            listener = foreground.listen(launch.socket)
            cleanup.callback(foreground.remove_socket, launch.socket)
            sandbox, spawner, daemon = self._start(root, ids, listener, cgroups)
            cleanup.callback(_end, sandbox)
            return self._serve(sandbox, spawner, daemon)

    def _take_root(self, cleanup: contextlib.ExitStack) -> Path:
        """Make the engine's folder ours for as long as `cleanup` says."""
        root = foreground.make_root(self._launch.root)
        cleanup.callback(os.close, foreground.lock_root(root))
        return root

    def _plan_ids(self) -> IdPlan:
        return plan_ids()

    def _configure(self, config: EngineConfig) -> EngineConfig:
        """Return what the daemon is told."""
        return config

    def _start(
        self, root: Path, ids: IdPlan, listener: socket.socket, cgroups: CgroupTree
    ) -> tuple[int, socket.socket, socket.socket]:
        """Start the sandbox; return its pidfd, and the channels to spawner and daemon."""
        spawner, spawner_end = channel.pair()
        daemon, daemon_end = channel.pair()
        config = EngineConfig(
            root=root,
            catalog=self._launch.catalog,
            sandbox="namespaces",
            id_base=ids.container_base,
            idmapped=self._idmap_fd is not None,
            listen_fd=listener.fileno(),
            launcher_fd=daemon_end.fileno(),
            cgroups=cgroups.hierarchies,
            namespaces=procfs.namespaces("self"),
        )
        wake = foreground.catch_signals()
        pid = namespaces.spawn(
            ids,
            cgroups,
            spawner_end.fileno(),
            [listener.fileno(), daemon_end.fileno()],
            namespaces.daemon_program(self._configure(config).to_json()),
            self._interpreter,
        )
        sandbox = os.pidfd_open(pid)
        for each in (spawner_end, daemon_end, listener):
            each.close()
        self._watch(wake, lambda: self._on_signals(os.read(wake, 4096), sandbox, daemon))
        return sandbox, spawner, daemon

    def _serve(self, sandbox: int, spawner: socket.socket, daemon: socket.socket) -> int:
        self._watch(spawner, lambda: self._answer(spawner))
        self._watch(daemon, lambda: self._answer(daemon))
        if self._launch.until is not None:
            self._watch(self._launch.until, lambda: self._on_starter_gone(sandbox, daemon))
        while True:
            for key, _ in self._selector.select(self._time_left()):
                key.data()
            ended = os.waitid(os.P_PIDFD, sandbox, os.WEXITED | os.WNOHANG)
            if ended is not None:
                return self._exit_code(ended)
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                signal.pidfd_send_signal(sandbox, signal.SIGKILL)
                self._kill_at = time.monotonic() + 1.0

    def _exit_code(self, ended: os.waitid_result) -> int:
        killed = ended.si_code != os.CLD_EXITED
        if self._kill_at is None:
            how = f"signal {ended.si_status}" if killed else f"exit code {ended.si_status}"
            when = "ended unexpectedly" if self._ready else "ended before it could answer"
            raise LabError(f"the engine {when} ({how})")
        return 128 + ended.si_status if killed else ended.si_status

    def _watch(self, source: socket.socket | int, action: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, action)

    def _time_left(self) -> float | None:
        return None if self._kill_at is None else max(0.0, self._kill_at - time.monotonic())

    def _on_signals(self, numbers: bytes, sandbox: int, daemon: socket.socket) -> None:
        if foreground.STOPPING.intersection(numbers):
            self._stop(sandbox, daemon)

    def _on_starter_gone(self, sandbox: int, daemon: socket.socket) -> None:
        assert self._launch.until is not None
        with contextlib.suppress(OSError):
            if os.read(self._launch.until, 4096):
                return
        self._selector.unregister(self._launch.until)
        self._stop(sandbox, daemon)

    def _stop(self, sandbox: int, daemon: socket.socket) -> None:
        """Ask the daemon to stop; asked a second time, end everything at once."""
        if self._kill_at is not None:
            self._kill_at = time.monotonic()
            return
        self._kill_at = time.monotonic() + STOP_LIMIT
        with contextlib.suppress(OSError):
            channel.send(daemon, {"op": "stop"})

    def _answer(self, source: socket.socket) -> None:
        try:
            received = channel.receive(source)
        except ValueError:
            return
        except OSError:
            received = None
        if received is None:
            self._selector.unregister(source)
            return
        message, fds = received
        # without its descriptors there is nobody to answer, who then sees the channel end
        with contextlib.suppress(LookupError, TypeError, OSError):
            self._perform(message, fds)
        channel.close_all(fds)

    def _perform(self, message: channel.Message, fds: list[int]) -> None:
        operation = message["op"]
        if operation == "ready":
            self._ready = True
            self._say("ready")
        elif operation == "idmap":
            self._reply(fds[1], self._show_mapped(fds[0]))
        elif operation == "can_idmap":
            self._reply(fds[0], self._can_map(message["path"]))
        elif operation == "host_pids":
            self._send(fds[0], {"pids": [procfs.pid_of(fd) for fd in fds[1:]]})
        elif operation == "bind":
            self._bind(message, fds[0])

    def _reply(self, fd: int, refusal: str) -> None:
        self._send(fd, {"refusal": refusal})

    def _send(self, fd: int, answer: channel.Message) -> None:
        with socket.socket(fileno=os.dup(fd)) as sender, contextlib.suppress(OSError):
            channel.send(sender, answer)

    def _bind(self, message: channel.Message, fd: int) -> None:
        """Bind a port of the host that the daemon may not, and hand the socket over."""
        with socket.socket(fileno=os.dup(fd)) as sender, contextlib.suppress(OSError):
            try:
                bound = ports.bound(message["address"], message["port"], message["protocol"])
            except (OSError, TypeError, OverflowError) as error:
                code = (isinstance(error, OSError) and error.errno) or errno.EINVAL
                channel.send(sender, {"errno": code})
                return
            with bound:
                channel.send(sender, {"errno": 0}, [bound.fileno()])

    def _can_map(self, path: str) -> str:
        try:
            flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | OPEN_TREE.AT_RECURSIVE
            tree = syscalls.open_tree(AT_FDCWD, path, flags)
        except SyscallError as error:
            return error.message
        try:
            return self._show_mapped(tree)
        finally:
            os.close(tree)

    def _show_mapped(self, tree: int) -> str:
        """Map a detached tree's ids to a container's; return why not, or an empty string."""
        if self._idmap_fd is None:
            return "the lab was not started by root"
        refusal = ""
        # file systems mounted below may refuse; then the folder itself is what counts
        for flags in (AT_EMPTY_PATH | AT_RECURSIVE, AT_EMPTY_PATH):
            try:
                syscalls.mount_setattr(tree, "", flags, MOUNT_ATTR.IDMAP, userns_fd=self._idmap_fd)
            except SyscallError as error:
                refusal = refusal or error.message
            else:
                return ""
        return refusal


def _end(sandbox: int) -> None:
    """Make sure that the sandbox is gone before its folders and locks are given up."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        signal.pidfd_send_signal(sandbox, signal.SIGKILL)
        os.waitid(os.P_PIDFD, sandbox, os.WEXITED)
    os.close(sandbox)
