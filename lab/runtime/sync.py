"""How the engine's daemon, the spawner, and the processes that become a container talk.

    daemon                 spawner (PID 1)          setup (forked)            init
      |  start + stdio fds    |                        |
      |---------------------->|  fork                  |
      |                       |----------------------->|  own mount namespace, cgroup,
      |                       |                        |  root file system, binds
      |                       |                        |  clone: user, mount, pid, uts, ipc,
      |                       |                        |  network, cgroup namespaces
      |                       |                        |------------------------>|  waits
      |                       |   report: pid, go      |  id maps, veth          |
      |                       |<-----------------------|        go               |
      |                       |                        |------------------------>|  pivot_root,
      |                       |                     (exits; init is now          |  /proc /dev /sys,
      |                       |                      the spawner's child)        |  console, user,
      |                       |   report: error, or end of file at execve        |  seccomp, caps
      |   started + pidfd     |<--------------------------------------------------|
      |<----------------------|                                                execve
      |   exited              |  SIGCHLD, waitpid
      |<----------------------|

An exec is the same with `enter` in place of `setup`: it joins the namespaces of the task's init
and forks the process there.  The report is a pipe that execve closes, one JSON object per line.
Requests and answers travel on one channel (lab.kernel.channel) and carry the task's `id`.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from typing import Any

from lab.kernel.tap import shown, tap

START = "start"
"""id, bundle, base, rootfs, endpoints, names, cgroups, ids, idmapped, hidden, bind_root, seccomp,
joins, host_ipc; and `trace`, for START and EXEC, where somebody wants to know the system calls that
they lead to.

Its fds are a pidfd for each list of names in `joins`, of who has these namespaces, `user` being in
the first list; standard input, output and error, or the one socket that a terminal is sent through;
with `names` one more, the channel that the sockets of the container's embedded DNS are sent to."""
EXEC = "exec"
"""id, process (path of its JSON), cgroups, ids, seccomp; fds: a pidfd of init, then as in START."""
FILTER = "filter"
"""id, key; fd: a file with a compiled seccomp program, kept under that key.  Answered by the same."""
SOCKETS = "sockets"
"""id, kind (`tcp`, `udp`, `netlink`, `netfilter`, `packet`, `raw`), count: sockets made in the
sandbox's network namespace, in the answer of the same name."""
TREE = "tree"
"""place, base, rootfs, mounts, ids, idmapped, hidden, bind_root; fd: a channel to which the forked
child itself sends the tree, or its error."""
INSIDE = "inside"
"""id, names; fds: a pidfd of init, and a channel to which the forked child itself sends what it
has in the container's network namespace, or its error: see lab.runtime.wiring."""

STARTED = "started"
"""id, pid; fd: a pidfd."""
FAILED = "failed"
"""id, message, exit_code: nothing runs, or nothing was done."""
TRACED = "traced"
"""id, trace (as it came), pid, calls: system calls that a start led to, before its answer."""
EXITED = "exited"
"""id, status (as waitpid gives it), at_ns."""

GO = b"g"

_LINE = 4096
"""Longer lines of two writers might be mixed.  Source: pipe(7), PIPE_BUF."""


def report(fd: int, **members: Any) -> None:
    """Write one line to the report pipe."""
    os.write(fd, json.dumps(members).encode() + b"\n")


def trace_to(fd: int, process: str) -> None:
    """Write what system calls this process makes from now on to its report pipe.

    `process` is the part that it plays: setup, init, enter or exec.
    """

    def listen(
        name: str, arguments: Mapping[str, object], result: int | None, error: int, at_ns: int
    ) -> None:
        line = json.dumps(call_record(process, name, arguments, result, error, at_ns)).encode()
        if len(line) < _LINE:
            os.write(fd, line + b"\n")

    tap.listener = listen


def call_record(
    process: str,
    name: str,
    arguments: Mapping[str, object],
    result: int | None,
    error: int,
    at_ns: int,
) -> dict[str, Any]:
    """Return a system call as it is carried to the engine; `error` by its name, empty for none."""
    return {
        "process": process,
        "call": name,
        "arguments": {key: shown(value) for key, value in arguments.items()},
        "result": result,
        "error": errno.errorcode.get(error, str(error)) if error else "",
        "at_ns": at_ns,
    }


def read_report(content: bytes) -> dict[str, Any]:
    """Merge the lines that setup and init wrote.

    `pid` of what was cloned, `go` when all was prepared for it; `error` with `exit_code` if
    something failed, also if a line is not whole because its writer was killed.  `calls`, if
    there were any, are the system calls of a start that is traced.
    """
    merged: dict[str, Any] = {}
    for line in content.splitlines():
        try:
            members = json.loads(line)
            if "call" in members:
                merged.setdefault("calls", []).append(members)
            else:
                merged.update(members)
        except ValueError:
            merged.setdefault("error", "the container's set-up was killed")
    return merged
