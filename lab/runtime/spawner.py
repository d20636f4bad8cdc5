"""PID 1 of the sandbox: forks the engine's daemon, then every container's processes.

Small and single-threaded on purpose: the daemon, which has threads, may never fork, unshare or
setns.  When this process ends, the kernel ends everything in the sandbox; it ends when the
launcher or the daemon does.  Source: pid_namespaces(7).
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from lab.kernel import channel, netlink, observed, syscalls
from lab.kernel.flags import CLONE, MS, PR
from lab.kernel.program import become
from lab.kernel.tap import tap
from lab.runtime import namespaces, sync, tree
from lab.runtime.enter import enter
from lab.runtime.init import Request, guarded_exit, set_up
from lab.runtime.shared import mount_host_shm
from lab.runtime.wiring import look_inside

_ETH_P_IP = 0x0800
_SOCKET_KINDS = {
    "tcp": (socket.AF_INET, socket.SOCK_STREAM, 0),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM, 0),
    "netlink": (socket.AF_NETLINK, socket.SOCK_RAW, netlink.ROUTE),
    "netfilter": (socket.AF_NETLINK, socket.SOCK_RAW, netlink.NETFILTER),
    "packet": (socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP)),
    "raw": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
}

_CALLS, _CALLS_AT_ONCE = 1000, 25
"""System calls of one start that are told, and how many of them fit into one message."""


@dataclass(slots=True)
class _Starting:
    """A container or exec between its fork and its execve."""

    id: str
    content: bytes = b""
    trace: str | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, *call: Any) -> None:
        self.calls.append(sync.call_record("spawner", *call))


@dataclass(slots=True)
class Spawner:
    """Serves requests of the daemon, reaps every process, reports the exits of tasks."""

    daemon: socket.socket
    launcher: socket.socket
    daemon_pid: int
    filters: dict[str, bytes] = field(default_factory=dict)
    starting: dict[int, _Starting] = field(default_factory=dict)
    running: dict[int, str] = field(default_factory=dict)
    early: dict[int, int] = field(default_factory=dict)
    """Wait statuses of processes that ended before their start was reported."""
    helpers: set[int] = field(default_factory=set)
    """Processes whose end says nothing: those that set up, and inits that failed."""

    def serve(self) -> int:
        """Serve until the daemon or the launcher is gone; return the daemon's exit code."""
        wake, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        poll = select.poll()
        for fd in (wake, self.daemon.fileno(), self.launcher.fileno()):
            poll.register(fd, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == wake:
                    os.read(wake, 4096)
                elif fd == self.daemon.fileno():
                    if not self._receive(poll):
                        return self._await_daemon()
                elif fd == self.launcher.fileno():
                    return 1
                else:
                    self._read_report(fd, poll)
            code = self._reap()
            if code is not None:
                return code

    def _receive(self, poll: select.poll) -> bool:
        """Serve one request; return False when the daemon is gone."""
        try:
            received = channel.receive(self.daemon)
        except ValueError:
            return True
        except OSError:
            return False
        if received is None:
            return False
        message, fds = received
        try:
            if channel.FDS_LOST in message:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            self._handle(message, fds, poll)
        except (OSError, LookupError, TypeError, ValueError) as error:
            # whatever is wrong with one request, this process has all the others to serve
            self._refuse(message, str(error) if isinstance(error, OSError) else repr(error))
        finally:
            channel.close_all(fds)
        return True

    def _handle(self, message: dict[str, Any], fds: list[int], poll: select.poll) -> None:
        operation = message["op"]
        if operation in (sync.START, sync.EXEC):
            self._fork(message, fds, poll)
        elif operation == sync.FILTER:
            self.filters[message["key"]] = _content(fds[0])
            self._send({"op": sync.FILTER, "id": message["id"]})
        elif operation == sync.SOCKETS:
            self._make_sockets(message)
        elif operation == sync.TREE:
            self.helpers.add(tree.fork(message, fds[0], self.launcher))
        elif operation == sync.INSIDE:
            self.helpers.add(look_inside(fds, message["names"]))
        else:
            raise ValueError(f"unknown operation {operation!r}")

    def _refuse(self, message: dict[str, Any], text: str, code: int = 128) -> None:
        answer = {"op": sync.FAILED, "id": message.get("id", ""), "message": text}
        self._send({**answer, "exit_code": code})

    def _fork(self, message: dict[str, Any], fds: list[int], poll: select.poll) -> None:
        if message.get("host_ipc"):
            # here and not in the child: all containers that share it are to have the same one
            mount_host_shm(message["hidden"][0])
        start = _Starting(message["id"], trace=message.get("trace"))
        reader, writer = os.pipe2(os.O_CLOEXEC)
        tap.listener = None if start.trace is None else start.hear
        try:
            pid = observed.fork()
        except OSError:
            os.close(reader)
            os.close(writer)
            raise
        finally:
            tap.listener = None
        if pid == 0:
            signal.set_wakeup_fd(-1)
            guarded_exit(lambda: self._child(message, fds, writer), writer)
        os.close(writer)
        self.helpers.add(pid)
        self.starting[reader] = start
        poll.register(reader, select.POLLIN)

    def _child(self, message: dict[str, Any], fds: list[int], report: int) -> None:
        if message["op"] == sync.EXEC:
            enter(message, fds, self.filters, report)
        else:
            set_up(Request.from_message(message, fds, self.filters, self.launcher), report)

    def _read_report(self, fd: int, poll: select.poll) -> None:
        start = self.starting[fd]
        data = os.read(fd, 65536)
        if data:
            start.content += data
            return
        poll.unregister(fd)
        os.close(fd)
        del self.starting[fd]
        outcome = sync.read_report(start.content)
        self._tell_calls(start, outcome)
        self._conclude(start.id, outcome)
        if not self.starting:
            # what ended unasked for cannot be anybody's any more, and its pid will be used again
            self.early.clear()

    def _tell_calls(self, start: _Starting, outcome: dict[str, Any]) -> None:
        """Tell the daemon what system calls a start led to, in messages that are not too long."""
        calls = [*start.calls, *outcome.pop("calls", [])][:_CALLS]
        for first in range(0, len(calls), _CALLS_AT_ONCE):
            told = {"id": start.id, "trace": start.trace, "pid": outcome.get("pid", 0)}
            part = calls[first : first + _CALLS_AT_ONCE]
            self._send({"op": sync.TRACED, **told, "calls": part})

    def _conclude(self, task: str, outcome: dict[str, Any]) -> None:
        """Tell the daemon how a start has ended."""
        pid = outcome.get("pid", 0)
        if "error" not in outcome and not outcome.get("go"):
            outcome["error"] = "the container's set-up was killed"
        if "error" not in outcome:
            try:
                pidfds = _pidfds(pid)
            except OSError as error:
                # nobody could ever stop it
                os.kill(pid, signal.SIGKILL)
                outcome["error"] = f"pidfd_open: {error.strerror}"
            else:
                self._report_started(task, pid, pidfds)
                return
        if pid and self.early.pop(pid, None) is None:
            self.helpers.add(pid)
        self._refuse({"id": task}, outcome["error"], outcome.get("exit_code", 128))

    def _report_started(self, task: str, pid: int, pidfds: list[int]) -> None:
        self.running[pid] = task
        self._send({"op": sync.STARTED, "id": task, "pid": pid}, pidfds)
        channel.close_all(pidfds)
        if pid in self.early:
            self._report_exit(pid, self.early.pop(pid))

    def _report_exit(self, pid: int, status: int) -> None:
        task = self.running.pop(pid)
        self._send({"op": sync.EXITED, "id": task, "status": status, "at_ns": time.time_ns()})

    def _reap(self) -> int | None:
        """Collect ended children; return the daemon's exit code if it was among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid == 0:
                return None
            if pid == self.daemon_pid:
                return os.waitstatus_to_exitcode(status)
            if pid in self.running:
                self._report_exit(pid, status)
            elif pid in self.helpers:
                self.helpers.remove(pid)
            elif self.starting:
                self.early[pid] = status

    def _await_daemon(self) -> int:
        _, status = os.waitpid(self.daemon_pid, 0)
        return os.waitstatus_to_exitcode(status)

    def _make_sockets(self, message: dict[str, Any]) -> None:
        kind = _SOCKET_KINDS[message["kind"]]
        with contextlib.ExitStack() as made:
            sockets = [made.enter_context(socket.socket(*kind)) for _ in range(message["count"])]
            answer = {"op": sync.SOCKETS, "id": message["id"]}
            self._send(answer, [each.fileno() for each in sockets])

    def _send(self, message: dict[str, Any], fds: list[int] | None = None) -> None:
        try:
            channel.send(self.daemon, message, fds)
        except OSError:
            # the daemon is gone; the next round of the loop sees its end
            return


def _content(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def _pidfds(pid: int) -> list[int]:
    """Return a pidfd of a child; none if it has ended and been reaped."""
    try:
        return [os.pidfd_open(pid)]
    except ProcessLookupError:
        return []


def main(
    launcher_fd: int, daemon_fds: list[int], interpreter: str | None, daemon: list[str]
) -> None:
    """Start the daemon and serve it.  Runs in the launcher's new namespaces, as PID 1.

    `launcher_fd` is this process's channel to the launcher.  `daemon_fds` are descriptors that
    only the daemon inherits.  `daemon` is its source and its arguments, to which its channel to
    this process is appended as a number; for `interpreter` see lab.kernel.program.
    """
    syscalls.prctl(PR.SET_PDEATHSIG, signal.SIGKILL)
    syscalls.prctl(PR.SET_DUMPABLE, 0)
    launcher = socket.socket(fileno=launcher_fd)
    launcher.set_inheritable(False)
    syscalls.mount(None, "/", None, MS.REC | MS.SLAVE)
    syscalls.mount("proc", "/proc", "proc", MS.NOSUID | MS.NODEV | MS.NOEXEC)
    ours, theirs = channel.pair()
    daemon_pid = os.fork()
    if daemon_pid == 0:
        source, *words = daemon
        words.append(str(theirs.fileno()))
        become(source, words, [theirs.fileno(), *daemon_fds], interpreter)
    theirs.close()
    channel.close_all(daemon_fds)
    # the daemon keeps the host's network; everything forked from here on has the sandbox's own
    syscalls.unshare(CLONE.NEWNET)
    namespaces.forward_nothing()
    namespaces.let_containers_listen()
    gc.collect()
    gc.freeze()
    spawner = Spawner(ours, launcher, daemon_pid)
    os._exit(spawner.serve() & 0xFF)
