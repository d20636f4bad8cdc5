"""The processes of a container, as seen from outside: `docker top`."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lab.engine import ps
from lab.engine.containers import Container, Containers
from lab.engine.state import check
from lab.errors import Conflict, LabError
from lab.kernel.idmap import IdMap
from lab.runtime import processes
from lab.runtime.cgroups import CgroupManager

_DEFAULT = "-ef"
_RENAMED_PID = re.compile(r"\s+(\S*)=\s*(PID\S*)")


@dataclass(frozen=True, slots=True)
class Table:
    """Titles of columns, and one row for each process."""

    titles: list[str]
    rows: list[list[str]]


class Top:
    """Lists processes.  Belongs to the event loop's thread.

    Numbers are those of the sandbox, as Docker's are those of the host; users are those of the
    container's own user namespace, by the names that the sandbox's /etc/passwd has for them.
    """

    def __init__(self, containers: Containers, cgroups: CgroupManager, ids: IdMap) -> None:
        self._containers = containers
        self._cgroups = cgroups
        self._ids = ids

    async def table(self, container: Container, ps_args: str) -> Table:
        """Return a container's processes; Conflict if it does not run, LabError for bad options."""
        for key, title in _RENAMED_PID.findall(ps_args):
            if key != "pid":
                raise LabError(f'specifying "{key}={title}" is not allowed')
        check("top", container.id, container.status)
        task = container.task
        if task is None:
            raise Conflict(f"container {container.id} is not running")
        columns = ps.parse(ps_args or _DEFAULT)
        titles = [column.title for column in columns]
        if "PID" not in titles:
            raise LabError("Couldn't find PID field in ps output")
        rows = await asyncio.to_thread(self._rows, columns, container.id, task.pid)
        self._containers.log_event(container, "top")
        return Table(titles, rows)

    def _rows(self, columns: list[ps.Column], name: str, pid: int) -> list[list[str]]:
        pids = self._cgroups.processes(name) or processes.in_pid_namespace(pid)
        moment = ps.Moment(
            processes.uptime(),
            time.time(),
            processes.memory_total(),
            _names(Path("/etc/passwd")),
            _names(Path("/etc/group")),
        )
        found = map(self._as_inside, processes.read_all(pids))
        return [[column.show(each, moment) for column in columns] for each in found]

    def _as_inside(self, process: processes.ProcessInfo) -> processes.ProcessInfo:
        uid, gid = self._ids.to_container(process.uid), self._ids.to_container(process.gid)
        return replace(process, uid=uid, gid=gid)


def _names(path: Path) -> Mapping[int, str]:
    """Return names by id, from a file such as /etc/passwd."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    found: dict[int, str] = {}
    for line in lines:
        words = line.split(":")
        if len(words) > 2 and words[2].isdecimal():
            found.setdefault(int(words[2]), words[0])
    return found
