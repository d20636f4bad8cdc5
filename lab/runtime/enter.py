"""From a forked spawner to a program inside a running container: what `docker exec` needs."""

from __future__ import annotations

import errno
import os
from typing import Any

from lab.errors import StartError, SyscallError
from lab.kernel import syscalls
from lab.kernel.flags import CLONE, PR
from lab.oci.runtime_spec import Process, process_from_json
from lab.runtime import process, sync
from lab.runtime.init import filter_of, guarded_exit, join_cgroups, load_process
from lab.runtime.namespaces import ALL

_NOT_STARTED = 126


def enter(message: dict[str, Any], fds: list[int], filters: dict[str, bytes], report: int) -> None:
    """Join the namespaces of a container's init, fork there, and return in the outer process.

    `fds` are the pidfd of init, then standard input, output and error, or a console socket.
    """
    target, stdio = fds[0], fds[1:]
    traced = message.get("trace") is not None
    if traced:
        sync.trace_to(report, "enter")
    wanted = _prepare(message)
    process.check_stdio(wanted, stdio)
    seccomp = filter_of(message, filters)
    process.own_pipes(stdio, message["ids"]["base"])
    if wanted.oom_score_adj:
        _adjust_oom_score(wanted)
    pid = _fork_inside(target)
    if pid:
        sync.report(report, pid=pid, go=True)
        return

    def inside() -> None:
        if traced:
            sync.trace_to(report, "exec")
        os.close(target)
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        os.setsid()
        if wanted.terminal:
            process.open_terminal(wanted, stdio[0])
        else:
            process.use_stdio(stdio)
        process.run(wanted, seccomp, new_root=False)

    guarded_exit(inside, report)


def _prepare(message: dict[str, Any]) -> Process:
    try:
        wanted = process_from_json(load_process(message["process"]))
        join_cgroups(message["cgroups"])
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            # both go with the container; ENODEV is a group that goes while it is being joined
            raise _stopped() from None
        raise
    return wanted


def _adjust_oom_score(wanted: Process) -> None:
    # files in /proc belong to the process's user only while it is dumpable
    syscalls.prctl(PR.SET_DUMPABLE, 1)
    process.adjust_oom_score(wanted)
    syscalls.prctl(PR.SET_DUMPABLE, 0)


def _fork_inside(target: int) -> int:
    """Join all namespaces of a container's init, and fork: 0 in the child, which is inside."""
    try:
        syscalls.setns(target, ALL)
        # a new pid namespace only takes in children; this process stays outside of it
        return syscalls.clone(CLONE(0))
    except SyscallError as error:
        if error.errno in (errno.ESRCH, errno.ENOMEM):
            # its init has ended, so nothing can be started in there any more
            raise _stopped() from None
        raise


def _stopped() -> StartError:
    return StartError("cannot exec in a stopped container", _NOT_STARTED)
