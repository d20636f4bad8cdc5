"""The process that makes a workbench's sandbox, serves its user, and leaves nothing behind.

It is to the workbench what the launcher is to the engine: single-threaded, outside of the
sandbox, alive as long as its user's end of the channel is open.  When it ends, however that is,
the kernel ends the sandbox.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lab.config import child_environ
from lab.errors import LabError
from lab.kernel import syscalls
from lab.kernel.flags import PR
from lab.kernel.program import become
from lab.sandbox import cgroup_tree, namespaces
from lab.sandbox.bench import messages
from lab.sandbox.bench.messages import READ_SIZE, Lines, Message
from lab.sandbox.cgroup_tree import CgroupTree
from lab.sandbox.ids import IdPlan, guest_ids, plan_ids

_INSIDE = """\
import json, sys
sys.path.insert(0, sys.argv[1])
from lab.sandbox.bench.inside import main
main(int(sys.argv[2]), json.loads(sys.argv[3]))
"""


class Keeper:
    """Keeps one sandbox.  `user` is the channel to whoever drives it."""

    def __init__(self, user: socket.socket, ids: IdPlan) -> None:
        self._user = user
        self._ids = ids
        self._selector = selectors.DefaultSelector()
        self._from_user, self._from_inside = Lines(), Lines()
        self._outputs: dict[int, str] = {}
        self._over = False

    def run(self) -> None:
        """Start the sandbox, serve until the user is gone or the sandbox has ended."""
        with contextlib.ExitStack() as cleanup:
            cgroups = cgroup_tree.create(self._ids.owner_uid, self._ids.owner_gid)
            cleanup.callback(cgroups.remove)
            control, control_end = socket.socketpair()
            pid = self._start(cgroups, control_end)
            sandbox = os.pidfd_open(pid)
            cleanup.callback(_end, sandbox)
            self._watch(control.fileno(), partial(self._on_inside, control))
            self._watch(self._user.fileno(), partial(self._on_user, control, pid))
            self._watch(sandbox, partial(self._on_end, pid))
            while not self._over:
                for key, _ in self._selector.select():
                    key.data()

    def _start(self, cgroups: CgroupTree, control: socket.socket) -> int:
        """Start the interpreter, whose end of the channel is `control`; return its pid."""
        ends = []
        for name in ("stdout", "stderr"):
            reader, writer = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(reader, False)
            self._outputs[reader] = name
            self._watch(reader, partial(self._on_output, reader))
            ends.append(writer)

        def program() -> None:
            syscalls.prctl(PR.SET_PDEATHSIG, signal.SIGKILL)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            for standard, writer in zip((1, 2), ends, strict=True):
                os.dup2(writer, standard)
            words = [namespaces.package_parent(), str(control.fileno())]
            words.append(json.dumps(cgroups.hierarchies))
            become(_INSIDE, words, [control.fileno()], sys.executable, child_environ())

        pid = namespaces.start_first(self._ids, cgroups, program)
        for writer in ends:
            os.close(writer)
        control.close()
        return pid

    def _watch(self, fd: int, action: Callable[[], None]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, action)

    def _on_user(self, control: socket.socket, pid: int) -> None:
        try:
            content = self._user.recv(READ_SIZE)
        except OSError:
            content = b""
        if not content:
            self._over = True
            return
        for message in self._from_user.feed(content):
            if message["op"] == "interrupt":
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGINT)
            else:
                with contextlib.suppress(OSError):
                    control.sendall(messages.pack(message))

    def _on_inside(self, control: socket.socket) -> None:
        try:
            content = control.recv(READ_SIZE)
        except OSError:
            content = b""
        if not content:
            self._selector.unregister(control)
        for message in self._from_inside.feed(content):
            # what a cell has written comes before its end
            self._say_rest()
            self._tell(message)

    def _on_output(self, reader: int) -> None:
        if not self._say(reader):
            self._selector.unregister(reader)
            del self._outputs[reader]

    def _say(self, reader: int) -> bool:
        """Pass some output on; return False at its end."""
        content = os.read(reader, READ_SIZE)
        if content:
            text = content.decode(errors="replace")
            self._tell({"op": "said", "stream": self._outputs[reader], "text": text})
        return bool(content)

    def _say_rest(self) -> None:
        for reader in list(self._outputs):
            with contextlib.suppress(BlockingIOError):
                while self._say(reader):
                    pass

    def _on_end(self, pid: int) -> None:
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._say_rest()
        why = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        self._tell({"op": "ended", "why": why})
        self._over = True

    def _tell(self, message: Message) -> None:
        try:
            self._user.sendall(messages.pack(message))
        except OSError:
            self._over = True


def _end(sandbox: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        signal.pidfd_send_signal(sandbox, signal.SIGKILL)
        os.waitid(os.P_PIDFD, sandbox, os.WEXITED)
    os.close(sandbox)


def keep(user: socket.socket, in_guest: bool) -> None:
    """Keep a workbench for `user`, who is told if none can be made."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # the user's end of the channel is what says that it is over
        signal.signal(number, signal.SIG_IGN)
    try:
        Keeper(user, guest_ids(0, 0) if in_guest else plan_ids()).run()
    except LabError as error:
        reason = {"op": "failed", "reason": error.message, "hint": error.hint}
        with contextlib.suppress(OSError):
            user.sendall(messages.pack(reason))


def listen(path: Path) -> None:
    """Keep a workbench for whoever connects to `path` first; for a guest.

    Returns, in the process that called, when one can connect.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    if os.fork():
        return
    os.setsid()
    user, _ = listener.accept()
    listener.close()
    path.unlink()
    keep(user, in_guest=True)
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Serve the inherited descriptor, or else the path, that the only argument names."""
    if arguments[0].isdecimal():
        keep(socket.socket(fileno=int(arguments[0])), in_guest=False)
    else:
        listen(Path(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
