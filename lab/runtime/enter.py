"""From a forked spawner to a program inside a running container: what `docker exec` needs."""

from __future__ import annotations

import os
from typing import Any

from lab.kernel import syscalls
from lab.kernel.flags import CLONE
from lab.oci.runtime_spec import process_from_json
from lab.runtime import process, sync
from lab.runtime.init import guarded_exit, join_cgroups, load_process
from lab.runtime.namespaces import ALL


def enter(message: dict[str, Any], fds: list[int], filters: dict[str, bytes], report: int) -> None:
    """Join the namespaces of a container's init, fork there, and return in the outer process.

    `fds` are the pidfd of init, then standard input, output and error, or a console socket.
    """
    target, stdio = fds[0], fds[1:]
    wanted = process_from_json(load_process(message["process"]))
    join_cgroups(message["cgroups"])
    process.own_pipes(stdio, message["ids"]["base"])
    syscalls.setns(target, ALL)
    # a new pid namespace only takes in children; this process stays outside of it
    pid = syscalls.clone(CLONE(0))
    if pid:
        sync.report(report, pid=pid)
        return

    def inside() -> None:
        os.close(target)
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        os.setsid()
        if wanted.terminal:
            process.open_terminal(wanted, stdio[0])
        else:
            process.use_stdio(stdio)
        process.run(wanted, filters.get(message["seccomp"]), new_root=False)

    guarded_exit(inside, report)
