"""From volumes, containers and mounts to what the volumes widget draws.  Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.widgets.naming import name_of

Json = Mapping[str, Any]

MAX_STORES = 60
"""How many are drawn; of more, the number is told."""

MAX_USERS = 20
"""How many containers are drawn for each."""

_ANONYMOUS = re.compile("[0-9a-f]{64}")
_ORDER = {"volume": 0, "anonymous": 1, "bind": 2, "tmpfs": 3}


@dataclass(frozen=True, slots=True)
class Mount:
    """One place of a container: what is there (`key`), and whether it may be written.

    `kind` is volume, anonymous, bind or tmpfs; `key` the volume's name, the folder of the host,
    or for memory the container's id and place, as nobody shares that.
    """

    kind: str
    key: str
    place: str
    writable: bool


def mounts_of(inspected: Json) -> list[Mount]:
    """Return what a container has mounted, from GET /containers/ID/json."""
    found = [_mount(inspected["Id"], each) for each in inspected.get("Mounts") or ()]
    for place, options in ((inspected.get("HostConfig") or {}).get("Tmpfs") or {}).items():
        writable = "ro" not in options.split(",")
        found.append(Mount("tmpfs", f"{inspected['Id']}:{place}", place, writable))
    return found


def sizes(usage: Json) -> dict[str, int]:
    """Return the bytes of each volume, from GET /system/df; -1: the engine does not say."""
    return {
        each["Name"]: int((each.get("UsageData") or {}).get("Size", -1))
        for each in usage.get("Volumes") or ()
    }


def draw(
    volumes: Sequence[Json],
    containers: Sequence[Json],
    mounts: Mapping[str, Sequence[Mount]],
    measured: Mapping[str, int],
    names: Sequence[str],
) -> dict[str, Any]:
    """Return the widget's traits: stores with their users, names that mean none, and how many more."""
    stores = {
        each["Name"]: _store(_kind_of(each["Name"]), each["Name"], measured.get(each["Name"], -1))
        for each in volumes
    }
    for container in containers:
        for mount in mounts.get(container["Id"], ()):
            _use(stores, mount, container)
    wanted = [each for each in stores.values() if not names or each["name"] in names]
    wanted.sort(key=lambda each: (_ORDER[each["kind"]], each["name"]))
    return {
        "stores": wanted[:MAX_STORES],
        "missing": [name for name in names if name not in stores],
        "more": max(0, len(wanted) - MAX_STORES),
    }


def _mount(container: str, mount: Json) -> Mount:
    place = mount.get("Destination", "")
    kind = mount.get("Type", "bind")
    if kind == "volume":
        name = mount.get("Name", "")
        return Mount(_kind_of(name), name, place, bool(mount.get("RW", True)))
    if kind == "tmpfs":
        return Mount("tmpfs", f"{container}:{place}", place, bool(mount.get("RW", True)))
    return Mount("bind", mount.get("Source", ""), place, bool(mount.get("RW", True)))


def _kind_of(name: str) -> str:
    return "anonymous" if _ANONYMOUS.fullmatch(name) else "volume"


def _store(kind: str, key: str, size: int = -1) -> dict[str, Any]:
    name = "" if kind == "tmpfs" else key
    return {"kind": kind, "key": key, "name": name, "size": size, "users": [], "count": 0}


def _use(stores: dict[str, dict[str, Any]], mount: Mount, container: Json) -> None:
    store = stores.setdefault(mount.key, _store(mount.kind, mount.key))
    store["count"] += 1
    if len(store["users"]) < MAX_USERS:
        store["users"].append(
            {
                "id": container["Id"],
                "name": name_of(container),
                "running": container.get("State") in ("running", "paused"),
                "place": mount.place,
                "writable": mount.writable,
            }
        )
