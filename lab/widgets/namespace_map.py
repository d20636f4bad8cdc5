"""From what an engine tells to what the namespaces widget draws.  Plain values in, JSON out.

place    {"kind", "id", "name", "spaces": {type: {"key", "inode"}}}: `key` is equal for places
         that share a namespace; `inode` is None where the engine does not tell it
shared   {"type", "key", "inode", "names", "count"}: a namespace of two places or more
process  {"command", "name", "state", "user", "memory", "pid", "uid"}: the latter two are
         [in the container, in the sandbox, on the host]; None for what is not known
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.widgets import naming

Json = dict[str, Any]

TYPES = ("mnt", "pid", "net", "ipc", "uts", "user", "cgroup", "time")
MAX_PLACES = 120
MAX_NAMES = 12
MAX_PROCESSES = 60

NO_PROCESSES: Json = {"rows": [], "more": 0}

_MODES = {"pid": "PidMode", "net": "NetworkMode", "ipc": "IpcMode", "uts": "UTSMode"}


def from_extension(told: Mapping[str, Any]) -> list[Json]:
    """Return the places from an answer of /lab/v1/namespaces: host, sandbox, oldest first."""
    places = [
        {
            "kind": each["Kind"],
            "id": each["Id"],
            "name": each["Name"],
            "spaces": {
                kind: {"key": str(inode), "inode": inode}
                for kind, inode in each["Namespaces"].items()
            },
        }
        for each in told["Places"]
    ]
    containers = [each for each in places if each["kind"] == "container"]
    return [each for each in places if each["kind"] != "container"] + containers[::-1]


def from_docker(inspected: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Return the places as far as Docker's own API tells them: who was asked to share with whom.

    `inspected` are the running containers, the latest first.  User and cgroup namespaces depend
    on the daemon's settings, so they are left out, unless the container itself was told.
    """
    host = {
        "kind": "host",
        "id": "",
        "name": "host",
        "spaces": {kind: {"key": "host", "inode": None} for kind in (*_MODES, "mnt")},
    }
    ids = [each["Id"] for each in inspected]
    names = {each["Name"].lstrip("/"): each["Id"] for each in inspected}
    return [host, *(_container(each, ids, names) for each in reversed(inspected))]


def _container(told: Mapping[str, Any], ids: Sequence[str], names: Mapping[str, str]) -> Json:
    wishes = told["HostConfig"]
    spaces = {"mnt": {"key": told["Id"], "inode": None}}
    for kind, setting in _MODES.items():
        how, _, whose = str(wishes.get(setting) or "").partition(":")
        key = told["Id"]
        if how == "host":
            key = "host"
        elif how == "container":
            whole = next((id for id in ids if whose and id.startswith(whose)), whose)
            key = names.get(whose, whole)
        spaces[kind] = {"key": key, "inode": None}
    name = told["Name"].lstrip("/")
    return {"kind": "container", "id": told["Id"], "name": name, "spaces": spaces}


def draw(places: Sequence[Json], names: Sequence[str]) -> Json:
    """Return the traits of the widget: the host, the sandbox, and the containers that are meant."""
    others = [each for each in places if each["kind"] != "container"]
    containers = [each for each in places if each["kind"] == "container"]
    meant, missing = naming.select(names, [(each["name"], each["id"]) for each in containers])
    drawn = others + [containers[index] for index in meant]
    return {
        "places": drawn[:MAX_PLACES],
        "shared": _shared(places, drawn[:MAX_PLACES]),
        "missing": missing,
        "more": max(0, len(drawn) - MAX_PLACES),
    }


def _shared(places: Sequence[Json], drawn: Sequence[Json]) -> list[Json]:
    """Return the namespaces of the drawn places that another place has too, drawn or not."""
    members: dict[tuple[str, str], list[Json]] = {}
    for place in places:
        for kind, space in place["spaces"].items():
            members.setdefault((kind, space["key"]), []).append(place)
    wanted = {(kind, space["key"]) for place in drawn for kind, space in place["spaces"].items()}
    return [
        {
            "type": kind,
            "key": key,
            "inode": found[0]["spaces"][kind]["inode"],
            "names": [each["name"] for each in found[:MAX_NAMES]],
            "count": len(found),
        }
        for (kind, key), found in sorted(
            members.items(), key=lambda item: (TYPES.index(item[0][0]), -len(item[1]))
        )
        if len(found) > 1 and (kind, key) in wanted
    ]


def processes(told: Mapping[str, Any]) -> Json:
    """Return a container's processes from an answer of /lab/v1/containers/ID/processes."""
    rows = [
        {
            "command": " ".join(each["Command"]) or each["Name"],
            "name": each["Name"],
            "state": each["State"],
            "user": each["User"]["Name"],
            "memory": each["MemoryBytes"],
            "pid": [each["Pid"][where] for where in ("Container", "Sandbox", "Host")],
            "uid": [each["User"][where] for where in ("Container", "Sandbox", "Host")],
        }
        for each in told["Processes"][:MAX_PROCESSES]
    ]
    return {"rows": rows, "more": told["Total"] - len(rows)}


def processes_of_top(told: Mapping[str, Any]) -> Json:
    """Return the same from `docker top`, which knows how the host numbers processes, no more."""
    titles = told["Titles"]
    rows = []
    for fields in (told["Processes"] or [])[:MAX_PROCESSES]:
        row = dict(zip(titles, fields, strict=False))
        command = row.get("CMD") or row.get("COMMAND") or ""
        rows.append(
            {
                "command": command,
                "name": command.partition(" ")[0],
                "state": "",
                "user": row.get("UID") or row.get("USER") or "",
                "memory": None,
                "pid": [None, None, int(row["PID"])],
                "uid": [None, None, None],
            }
        )
    return {"rows": rows, "more": max(0, len(told["Processes"] or []) - len(rows))}
