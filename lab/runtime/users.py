"""Docker's `--user` text, looked up in the container's own /etc/passwd and /etc/group.

It runs inside the container's root, so that no link in an image can point a look-up at a file
of the host.  Source: passwd(5), group(5); the forms `user`, `uid`, `user:group`, `uid:gid`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.errors import StartError

_MAX_ID = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class ExecUser:
    """The ids to run with, and the home directory that goes with them."""

    uid: int = 0
    gid: int = 0
    groups: list[int] = field(default_factory=list)
    home: str = "/"


def look_up(
    text: str,
    additional: tuple[str, ...] = (),
    passwd: str = "/etc/passwd",
    group: str = "/etc/group",
) -> ExecUser:
    """Return the user that `text` names; an empty one is root.

    Supplementary groups are the primary one, and those which list the user, unless `text` names a
    group itself; then the `additional` ones.
    Raises StartError in Docker's words if a name is in no file, or an id is out of range.
    """
    user_text, _, group_text = text.partition(":")
    entry = _find_user(user_text or "0", passwd)
    name, uid, gid, home = entry
    groups = []
    if group_text:
        gid = _find_group(group_text, group)
    elif name:
        groups = [_id(row[2]) for row in _rows(group, 4) if name in row[3].split(",")]
    groups += [_find_group(wanted, group) for wanted in additional]
    return ExecUser(uid, gid, list(dict.fromkeys([gid, *groups])), home)


def _find_user(wanted: str, passwd: str) -> tuple[str, int, int, str]:
    for row in _rows(passwd, 6):
        if row[0] == wanted or (wanted.isdecimal() and int(row[2]) == int(wanted)):
            return row[0], _id(row[2]), _id(row[3]), row[5]
    if not wanted.isdecimal():
        raise StartError(f"unable to find user {wanted}: no matching entries in passwd file")
    return "", _id(wanted), 0, "/"


def _find_group(wanted: str, group: str) -> int:
    for row in _rows(group, 3):
        if row[0] == wanted or (wanted.isdecimal() and int(row[2]) == int(wanted)):
            return _id(row[2])
    if not wanted.isdecimal():
        raise StartError(f"unable to find group {wanted}: no matching entries in group file")
    return _id(wanted)


def _rows(path: str, columns: int) -> Iterator[list[str]]:
    try:
        with open(path, errors="replace") as file:
            for line in file:
                row = line.strip().split(":")
                if len(row) >= columns and row[2].isdecimal():
                    yield row
    except OSError:
        return


def _id(text: str) -> int:
    if int(text) > _MAX_ID:
        raise StartError("uids and gids must be in range 0-2147483647")
    return int(text)
