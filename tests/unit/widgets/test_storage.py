"""From volumes, containers and mounts to what is drawn."""

from __future__ import annotations

from typing import Any

from lab.widgets import storage

ANONYMOUS = "ab" * 32


def container(name: str, *mounts: dict[str, Any], state: str = "running") -> dict[str, Any]:
    return {"Id": f"id-{name}", "Names": [f"/{name}"], "State": state, "Mounts": list(mounts)}


def volume(name: str, place: str, writable: bool = True) -> dict[str, Any]:
    return {"Type": "volume", "Name": name, "Destination": place, "RW": writable}


def drawn(
    volumes: list[str], containers: list[dict[str, Any]], *names: str, **sizes: int
) -> dict[str, Any]:
    mounts = {each["Id"]: storage.mounts_of(each) for each in containers}
    return storage.draw([{"Name": name} for name in volumes], containers, mounts, sizes, names)


def test_who_uses_what_at_which_place() -> None:
    """Has each volume its users with place, state and access, and its size?"""
    told = drawn(
        ["data"],
        [
            container("db", volume("data", "/data")),
            container("backup", volume("data", "/from", writable=False), state="exited"),
        ],
        data=12,
    )
    (store,) = told["stores"]
    assert (store["kind"], store["name"], store["size"], store["count"]) == (
        "volume",
        "data",
        12,
        2,
    )
    assert [(u["name"], u["place"], u["writable"], u["running"]) for u in store["users"]] == [
        ("db", "/data", True, True),
        ("backup", "/from", False, False),
    ]


def test_kinds_stand_in_order() -> None:
    """Are named and anonymous volumes, folders and memory told apart, in this order?"""
    site = {"Type": "bind", "Source": "/srv/site", "Destination": "/www", "RW": True}
    web = container("web", site, volume(ANONYMOUS, "/cache"))
    web["HostConfig"] = {"Tmpfs": {"/run": "ro,size=1m"}}
    told = drawn([ANONYMOUS, "zoo"], [web])
    assert [(each["kind"], each["name"]) for each in told["stores"]] == [
        ("volume", "zoo"),
        ("anonymous", ANONYMOUS),
        ("bind", "/srv/site"),
        ("tmpfs", ""),
    ]
    assert not told["stores"][-1]["users"][0]["writable"]


def test_memory_is_nobody_elses() -> None:
    """Have two containers with a tmpfs at the same place one each?"""
    both = [container(name) | {"HostConfig": {"Tmpfs": {"/run": ""}}} for name in ("one", "two")]
    assert len(drawn([], both)["stores"]) == 2


def test_only_what_is_asked_for_and_bounded() -> None:
    """Are other volumes left out, missing names told, and many bounded?"""
    told = drawn(["data", "other"], [], "data", "nosuch")
    assert [each["name"] for each in told["stores"]] == ["data"]
    assert told["missing"] == ["nosuch"]
    many = drawn([f"v{number}" for number in range(storage.MAX_STORES + 5)], [])
    assert (len(many["stores"]), many["more"]) == (storage.MAX_STORES, 5)
    users = [container(f"c{number}", volume("data", "/d")) for number in range(100)]
    (store,) = drawn(["data"], users)["stores"]
    assert (len(store["users"]), store["count"]) == (storage.MAX_USERS, 100)


def test_sizes_as_far_as_the_engine_tells() -> None:
    """Is an unknown size -1, and a known one in bytes?"""
    usage = {"Volumes": [{"Name": "a", "UsageData": {"Size": 7}}, {"Name": "b", "UsageData": None}]}
    assert storage.sizes(usage) == {"a": 7, "b": -1}
    assert storage.sizes({"Volumes": None}) == {}
