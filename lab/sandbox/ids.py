"""Which ids the sandbox's user namespace gets.  Source: user_namespaces(7), subuid(5), newuidmap(1).

Id 0 of the sandbox is the launcher's own id, so that its files can be reached; ids 1 to 65536 are
subordinate ones, which belong to nobody else.  In a virtual machine, where everything belongs to
the lab, id 0 is that of the person on the host, whose files the machine sees.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import SandboxUnavailable
from lab.kernel.idmap import CONTAINER_IDS

ROOT_RANGE_START = 0x7000_0000
"""First subordinate id of a lab that root starts: above what distributions and systemd hand out."""

_OTHERS = "Where namespaces cannot be had, the microVM sandbox (--sandbox vm) is the other way."


@dataclass(frozen=True, slots=True)
class IdRange:
    """`count` host ids from `start` on."""

    start: int
    count: int

    def holds(self, other: IdRange) -> bool:
        return self.start <= other.start and other.start + other.count <= self.start + self.count


@dataclass(frozen=True, slots=True)
class IdPlan:
    """The maps of the sandbox's user namespace, and where containers' ids begin in it.

    `uids` and `gids` are the subordinate ranges.  `container_base` is 1 for root (no container
    process then has the host's id 0), 0 for a normal user (container root is the user).
    `helpers` says whether the maps are written by newuidmap and newgidmap, for a normal user.
    """

    owner_uid: int
    owner_gid: int
    uids: IdRange
    gids: IdRange
    container_base: int
    helpers: bool = False

    def write(self, pid: int) -> None:
        """Give the namespace of process `pid` its maps; SandboxUnavailable if that is refused."""
        for kind, owner, extra in self._kinds():
            rows = [[0, owner, 1], [1, extra.start, CONTAINER_IDS]]
            if self.helpers:
                _run_helper(f"new{kind}map", pid, rows)
            else:
                _write_map(pid, kind, rows)

    def write_containers(self, pid: int) -> None:
        """Give the namespace of `pid` the map that every container has, seen from here."""
        for kind, owner, extra in self._kinds():
            if self.container_base:
                _write_map(pid, kind, [[0, extra.start, CONTAINER_IDS]])
            else:
                _write_map(pid, kind, [[0, owner, 1], [1, extra.start, CONTAINER_IDS - 1]])

    def _kinds(self) -> tuple[tuple[str, int, IdRange], ...]:
        return ("uid", self.owner_uid, self.uids), ("gid", self.owner_gid, self.gids)


def plan_ids() -> IdPlan:
    """Return the ids that this user may use; SandboxUnavailable, saying why and what helps."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        uids = _root_range(_own_map("uid"))
        gids = _root_range(_own_map("gid"))
        return IdPlan(0, gid, uids, gids, container_base=1)
    for helper in ("newuidmap", "newgidmap"):
        if shutil.which(helper) is None:
            raise SandboxUnavailable(
                f"no {helper} on this machine, so a normal user's sandbox has only one id. "
                + _OTHERS,
                hint="ask the administrator for the package uidmap",
            )
    name = _user_name(uid)
    uids, gids = _subordinate("subuid", name, uid), _subordinate("subgid", name, uid)
    return IdPlan(uid, gid, uids, gids, container_base=0, helpers=True)


def guest_ids(uid: int, gid: int) -> IdPlan:
    """Return the ids in a virtual machine whose files belong to the host's `uid` and `gid`."""
    rest = IdRange(ROOT_RANGE_START, CONTAINER_IDS)
    return IdPlan(uid, gid, rest, rest, container_base=0)


def parse_ranges(text: str, names: Sequence[str]) -> list[IdRange]:
    """Return the ranges of subuid(5) text that belong to one of `names` (a user name, its number)."""
    ranges = []
    for line in text.splitlines():
        parts = line.strip().split(":")
        if len(parts) == 3 and parts[0] in names and parts[1].isdecimal() and parts[2].isdecimal():
            ranges.append(IdRange(int(parts[1]), int(parts[2])))
    return ranges


def _subordinate(file: str, name: str, uid: int) -> IdRange:
    path = Path("/etc") / file
    text = path.read_text() if path.exists() else ""
    ranges = parse_ranges(text, (name, str(uid)))
    for each in ranges:
        if each.count >= CONTAINER_IDS:
            return IdRange(each.start, CONTAINER_IDS)
    have = max((each.count for each in ranges), default=0)
    raise SandboxUnavailable(
        f"user {name} has {have} subordinate ids in {path}; a sandbox needs {CONTAINER_IDS}. "
        + _OTHERS,
        hint=f"ask the administrator to run: usermod --add-subuids 200000-265535 "
        f"--add-subgids 200000-265535 {name}",
    )


def _root_range(available: list[IdRange]) -> IdRange:
    for start in (ROOT_RANGE_START, 1):
        wanted = IdRange(start, CONTAINER_IDS)
        if any(each.holds(wanted) for each in available):
            return wanted
    have = sum(each.count for each in available)
    raise SandboxUnavailable(
        f"root has only {have} ids here (a container itself?); a sandbox needs {CONTAINER_IDS + 1}. "
        + _OTHERS
    )


def _own_map(kind: str) -> list[IdRange]:
    rows = (line.split() for line in Path(f"/proc/self/{kind}_map").read_text().splitlines())
    return [IdRange(int(row[0]), int(row[2])) for row in rows]


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _write_map(pid: int, kind: str, rows: list[list[int]]) -> None:
    text = "\n".join(" ".join(map(str, row)) for row in rows)
    Path(f"/proc/{pid}/{kind}_map").write_text(text)


def _run_helper(helper: str, pid: int, rows: list[list[int]]) -> None:
    numbers = [str(number) for row in rows for number in row]
    done = subprocess.run([helper, str(pid), *numbers], capture_output=True, text=True)
    if done.returncode != 0:
        raise SandboxUnavailable(f"{helper} refused: {done.stderr.strip()}. {_OTHERS}")
