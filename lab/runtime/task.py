"""Tasks: running processes of containers, asked of the spawner.

A **container** is the stored record; a **task** is what runs.  `Tasks` is the daemon's side of
the channel to the spawner: plain blocking calls, usable from any thread.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from lab.errors import StartError, Unavailable
from lab.kernel import channel, observed
from lab.kernel.idmap import IdMap
from lab.oci.runtime_spec import Mount
from lab.runtime import sync
from lab.runtime.requests import ExecRequest, TaskRequest

START_LIMIT = 60.0
"""Seconds after which a start that the spawner does not answer counts as failed."""

ExitListener = Callable[[str, int, int], None]


class Tracer(Protocol):
    """Who wants to know the system calls that starts lead to."""

    def origin(self) -> str | None:
        """Return what the present call is done for, as the calls are to be marked; None: not wanted."""

    def hear(self, message: dict[str, Any]) -> None:
        """Take a TRACED message, in the reader's thread."""


@dataclass(slots=True)
class Task:
    """A running process; `pid` is the sandbox's number for it, `pidfd` holds on to it for good."""

    id: str
    pid: int
    pidfd: int

    def signal(self, number: int) -> None:
        """Send a signal; a process that has ended is no error."""
        if self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                observed.pidfd_send_signal(self.pidfd, number)

    def hold(self) -> Task:
        """Return the same task with a descriptor of its own, which outlives `close` of this one.

        Raises StartError if the process has ended.
        """
        if self.pidfd < 0:
            raise StartError("process has already ended")
        return Task(self.id, self.pid, os.dup(self.pidfd))

    def close(self) -> None:
        """Let go of the process; later signals go nowhere."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


class Tasks:
    """Starts tasks and execs, hands out sockets of the sandbox's network, reports exits."""

    def __init__(
        self,
        connection: socket.socket,
        ids: IdMap,
        idmapped: bool,
        hidden: Sequence[Path],
        on_exit: ExitListener,
        bind_root: str = "/",
        tracer: Tracer | None = None,
    ) -> None:
        """`hidden` are folders that no bind may show.  `on_exit(id, status, at_ns)` is called in
        the reader's thread, after the start of that id has been answered.  `bind_root` is the
        folder in which the sources of binds are found."""
        self._connection = connection
        self._common = {"ids": asdict(ids), "idmapped": idmapped}
        self._hidden = [str(path) for path in hidden]
        self._bind_root = bind_root
        self._on_exit = on_exit
        self._tracer = tracer
        self._waiting: dict[str, Future[tuple[dict[str, Any], list[int]]]] = {}
        self._lock = threading.Lock()
        self._counter = itertools.count()
        self._reader = threading.Thread(target=self._read, name="spawner-reader", daemon=True)
        self._reader.start()

    def start(self, request: TaskRequest, stdio: Sequence[int]) -> Task:
        """Start a container's init; StartError if it could not exec its program.

        `stdio` is as in sync.START; the descriptors stay the caller's.
        """
        message = {
            "op": sync.START,
            "id": request.id,
            "bundle": str(request.bundle),
            "base": str(request.base),
            "rootfs": [_layer(mount) for mount in request.rootfs],
            "endpoints": list(request.endpoints),
            "names": request.names is not None,
            "cgroups": list(request.cgroups),
            "seccomp": request.seccomp,
            "hidden": self._hidden,
            "bind_root": self._bind_root,
            "joins": [list(names) for _, names in request.donors],
            "host_ipc": request.host_ipc,
            **self._common,
        }
        with ExitStack() as stack:
            fds: list[int] = []
            for donor, _ in request.donors:
                held = donor.hold()
                stack.callback(held.close)
                fds.append(held.pidfd)
            fds += stdio
            if request.names is not None:
                fds.append(request.names)
            return self._launch(message, fds)

    def exec(self, target: Task, request: ExecRequest, stdio: Sequence[int]) -> Task:
        """Start a process in a running container; StartError if it could not."""
        message = {
            "op": sync.EXEC,
            "id": request.id,
            "process": str(request.process),
            "cgroups": list(request.cgroups),
            "seccomp": request.seccomp,
            **self._common,
        }
        return self._launch(message, [target.pidfd, *stdio])

    def add_filter(self, key: str, program: bytes) -> None:
        """Give the spawner a compiled seccomp program under `key`; Unavailable if it has not got it."""
        fd = os.memfd_create(key)
        try:
            os.write(fd, program)
            name = f"filter-{next(self._counter)}"
            self._ask(name, {"op": sync.FILTER, "id": name, "key": key}, [fd])
        finally:
            os.close(fd)

    def sockets(self, kind: str, count: int = 1) -> list[socket.socket]:
        """Return new sockets of the sandbox's network namespace, of a kind of sync.SOCKETS."""
        name = f"sockets-{next(self._counter)}"
        message = {"op": sync.SOCKETS, "id": name, "kind": kind, "count": count}
        _, fds = self._ask(name, message, [])
        return [socket.socket(fileno=fd) for fd in fds]

    def tree(
        self, place: Path, base: Path, rootfs: Sequence[Mount], mounts: Sequence[Mount]
    ) -> int:
        """Return a descriptor of what a container that does not run would see.

        `place` is a folder to mount on; `mounts` are binds, what lies above something first; the
        rest is as in TaskRequest.  Raises StartError with what stands against it, Unavailable if
        there is no answer.
        """
        message = {
            "op": sync.TREE,
            "id": f"tree-{next(self._counter)}",
            "place": str(place),
            "base": str(base),
            "rootfs": [asdict(mount) for mount in rootfs],
            "mounts": [asdict(mount) for mount in mounts],
            "hidden": self._hidden,
            "bind_root": self._bind_root,
            **self._common,
        }
        return self._ask_child(message, [])[0]

    def inside(self, task: Task, names: bool = False) -> list[int]:
        """Return descriptors of a container's network namespace, of a netlink socket in it, and
        with `names` of its embedded DNS; StartError if the container has ended."""
        message = {"op": sync.INSIDE, "id": f"inside-{next(self._counter)}", "names": names}
        return self._ask_child(message, [task.pidfd])

    def _ask_child(self, message: dict[str, Any], fds: list[int]) -> list[int]:
        """Return the descriptors that a child of the spawner sends on a channel of its own."""
        ours, theirs = channel.pair()
        with ours:
            ours.settimeout(START_LIMIT)
            try:
                with theirs:
                    channel.send(self._connection, message, [*fds, theirs.fileno()])
                received = channel.receive(ours)
            except OSError as error:
                raise Unavailable(f"the sandbox does not answer: {error}") from None
        if received is None:
            raise Unavailable("the sandbox does not answer")
        answer, found = received
        if not found:
            raise StartError(answer.get("error", os.strerror(errno.EMFILE)))
        return found

    def _launch(self, message: dict[str, Any], fds: list[int]) -> Task:
        if self._tracer is not None:
            message["trace"] = self._tracer.origin()
        answer, received = self._ask(message["id"], message, fds)
        if channel.FDS_LOST in answer:
            # without a descriptor it could never be stopped
            with contextlib.suppress(ProcessLookupError):
                os.kill(answer["pid"], signal.SIGKILL)
            raise StartError(f"start: {os.strerror(errno.EMFILE)}")
        return Task(answer["id"], answer["pid"], received[0] if received else -1)

    def _ask(
        self, name: str, message: dict[str, Any], fds: list[int]
    ) -> tuple[dict[str, Any], list[int]]:
        future: Future[tuple[dict[str, Any], list[int]]] = Future()
        with self._lock:
            self._waiting[name] = future
        try:
            channel.send(self._connection, message, fds)
            answer, received = future.result(START_LIMIT)
        except (OSError, TimeoutError) as error:
            if self._withdraw(name):
                raise Unavailable(f"the sandbox does not answer: {error}") from error
            # it did so at the last moment
            answer, received = future.result()
        if answer["op"] == sync.FAILED:
            if message["op"] in (sync.START, sync.EXEC):
                raise StartError(answer["message"], answer["exit_code"])
            raise Unavailable(answer["message"])
        if channel.FDS_LOST in answer and message["op"] == sync.SOCKETS:
            raise Unavailable(os.strerror(errno.EMFILE))
        return answer, received

    def _read(self) -> None:
        while True:
            try:
                received = channel.receive(self._connection)
            except ValueError:
                continue
            except OSError:
                received = None
            if received is None:
                return
            message, fds = received
            if message["op"] == sync.EXITED:
                self._on_exit(message["id"], message["status"], message["at_ns"])
            elif message["op"] == sync.TRACED:
                if self._tracer is not None:
                    self._tracer.hear(message)
            else:
                self._deliver(message, fds)

    def _withdraw(self, name: str) -> bool:
        """Wait for an answer no more; False if it is there already."""
        with self._lock:
            return self._waiting.pop(name, None) is not None

    def _deliver(self, message: dict[str, Any], fds: list[int]) -> None:
        with self._lock:
            future = self._waiting.pop(message["id"], None)
        if future is not None:
            future.set_result((message, fds))
            return
        if message["op"] == sync.STARTED and fds:
            # whoever asked has given up on it
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fds[0], signal.SIGKILL)
        channel.close_all(fds)


def _layer(mount: Mount) -> dict[str, Any]:
    return {"type": mount.type, "source": mount.source, "options": list(mount.options)}
