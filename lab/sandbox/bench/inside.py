"""The interpreter of a workbench: PID 1 of its sandbox, which runs one cell after the other.

A cell may go on in a child (`continue_in_child`), as `unshare --fork` does: then that process
runs the cells that follow, and its parent waits for its end, to go on itself.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import linecache
import os
import signal
import socket
import sys
import traceback
from types import TracebackType
from typing import Any, NoReturn

from lab.kernel import procfs, rtnetlink, syscalls
from lab.kernel.flags import AT_FDCWD, AT_RECURSIVE, CLONE, MOUNT_ATTR, MS
from lab.kernel.netlink import Netlink
from lab.sandbox.bench import messages
from lab.sandbox.bench.messages import Message

OWN_FOLDER = "/run"
"""What may be written to; everything else of the host's files can only be read."""


class Interpreter:
    """Serves `control` until the other side is gone.  `names` are what cells find defined."""

    def __init__(self, control: socket.socket, names: dict[str, Any]) -> None:
        self._control = control
        self._names: dict[str, Any] = {
            "__name__": "__main__",
            **names,
            "continue_in_child": self.continue_in_child,
            "leave": leave,
        }
        self._pid = os.getpid()
        self._outermost = True

    def serve(self) -> None:
        while True:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            request = messages.receive(self._control)
            if request is None:
                return
            self._answer(self._perform(request))

    def continue_in_child(self, flags: CLONE = CLONE(0)) -> None:  # noqa: B008
        """Go on in a child with new namespaces as `flags` say; the parent waits for its end."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = syscalls.clone(flags)
        if pid == 0:
            self._pid, self._outermost = os.getpid(), False
            return
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        # whatever cell that was, it has ended with the process
        print(f"[process {pid} has ended: {how}; back in process {self._pid}]")
        raise _Back

    def _perform(self, request: Message) -> Message:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            if request["op"] == "write":
                _write(request)
            else:
                self._run(request["source"], request["name"])
        except _Back:
            return {"op": "done", "error": ""}
        except SystemExit as end:
            return self._end(end)
        except BaseException as error:
            text = _described(error, request.get("name", ""))
            return {"op": "done", "error": text, "kind": type(error).__name__}
        return {"op": "done", "error": ""}

    def _run(self, source: str, name: str) -> None:
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), self._names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), self._names)
            if value is not None:
                print(repr(value))

    def _end(self, end: SystemExit) -> Message:
        if self._outermost and os.getpid() == self._pid:
            text = "the workbench's first process goes on: close the workbench to end it\n"
            return {"op": "done", "error": text, "kind": "SystemExit"}
        _flush()
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))

    def _answer(self, answer: Message) -> None:
        _flush()
        if os.getpid() != self._pid:
            # a cell has forked, and this is not the one that serves
            os._exit(0)
        self._control.sendall(messages.pack(answer))


class _Back(BaseException):
    """The child that ran the cells has ended."""


def leave(code: int = 0) -> NoReturn:
    """End this process: its parent, which waits for that, runs the cells that follow."""
    raise SystemExit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def _write(request: Message) -> None:
    with open(request["path"], "ab" if request["append"] else "wb") as file:
        file.write(base64.b64decode(request["data"]))


def _described(error: BaseException, name: str) -> str:
    """Return the traceback, from the cell's own lines on."""
    frame: TracebackType | None = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename != name:
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame))


def set_up(cgroups: dict[str, str]) -> None:
    """Make the sandbox's view: the host's files cannot be changed, and a network of its own."""
    syscalls.mount(None, "/", None, MS.REC | MS.SLAVE)
    read_only = MOUNT_ATTR.RDONLY
    syscalls.mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, read_only)
    if cgroups:
        for mount in procfs.mounts():
            if mount.fstype in ("cgroup", "cgroup2"):
                syscalls.mount_setattr(AT_FDCWD, mount.mount_point, 0, attr_clear=read_only)
    syscalls.mount("proc", "/proc", "proc", MS.NOSUID | MS.NODEV | MS.NOEXEC)
    syscalls.mount("bench", OWN_FOLDER, "tmpfs", MS.NOSUID | MS.NODEV, "mode=755")
    os.chdir(OWN_FOLDER)
    syscalls.unshare(CLONE.NEWNET)
    with Netlink() as netlink:
        netlink.transact(rtnetlink.set_up(rtnetlink.LOOPBACK))


def main(control_fd: int, cgroups: dict[str, str]) -> None:
    """Be the interpreter, with the keeper at the other end of `control_fd`."""
    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    set_up(cgroups)
    sys.argv = [""]
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    control.sendall(messages.pack({"op": "ready"}))
    Interpreter(control, {"CGROUPS": cgroups}).serve()
