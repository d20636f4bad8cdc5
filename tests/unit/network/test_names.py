"""Who is called what, and who may know."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from lab.network.names import Entry, NameTable

WEB, DB, CACHE = (IPv4Address(f"10.0.0.{number}") for number in (2, 3, 4))


def entry(network: str, address: IPv4Address, *names: str, **links: str) -> Entry:
    return Entry(network, address, names, links)


def found(names: NameTable, container: str, name: str) -> list[IPv4Address]:
    return [each.address for each in names.resolve(container, name)]


def table() -> NameTable:
    made = NameTable()
    made.put("web", entry("front", WEB, "web", "www", database="db"))
    made.put("web", entry("back", IPv4Address("10.1.0.2"), "web"))
    made.put("db", entry("back", DB, "db", "store", "0123456789ab"))
    made.put("cache", entry("back", CACHE, "cache", "store"))
    made.put("stranger", entry("other", IPv4Address("10.2.0.2"), "db"))
    return made


def test_only_shared_networks_count() -> None:
    """Does a container find those of its own networks, by each name, and nobody else?"""
    names = table()
    assert found(names, "web", "db") == [DB]
    assert found(names, "web", "0123456789ab") == [DB]
    assert found(names, "web", "DB") == [DB]
    assert found(names, "stranger", "db") == [IPv4Address("10.2.0.2")]
    assert found(names, "stranger", "web") == found(names, "nobody", "web") == []
    assert found(names, "db", "www") == []


def test_one_alias_of_several() -> None:
    """Do all containers that share an alias answer to it?"""
    assert set(found(table(), "web", "store")) == {DB, CACHE}


def test_names_with_the_network() -> None:
    """Is `db.back` the db of that network, if one is in it?"""
    names = table()
    assert found(names, "web", "web.front") == [WEB]
    assert found(names, "db", "web.front") == found(names, "web", "db.front") == []
    names.put("dotted", entry("my.net", CACHE, "a.b"))
    assert found(names, "dotted", "a.b") == found(names, "dotted", "a.b.my.net") == [CACHE]


def test_links() -> None:
    """Is a link a name that only its owner knows?"""
    names = table()
    names.put("web", entry("back", WEB, "web", database="db"))
    assert found(names, "web", "database") == [DB]
    assert found(names, "db", "database") == []


def test_the_way_back() -> None:
    """Has an address the first of its names, with the network's, for those who share it?"""
    names = table()
    assert names.name_of("web", DB) == "db.back"
    names.put("db", Entry("back", DB, ("db",), {}, IPv6Address("2001:db8::2")))
    assert names.name_of("web", IPv6Address("2001:db8::2")) == "db.back"
    assert names.name_of("stranger", DB) == names.name_of("web", IPv4Address("10.9.9.9")) == ""


def test_who_leaves_is_forgotten() -> None:
    """Is a container that left a network unknown there, and only there?"""
    names = table()
    names.drop("web", "front")
    names.drop("web", "front")
    assert found(names, "web", "www") == []
    assert found(names, "db", "web") == [IPv4Address("10.1.0.2")]
