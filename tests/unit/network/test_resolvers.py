"""The host's resolv.conf, and what containers get of it."""

from __future__ import annotations

from lab.network.resolvers import PUBLIC, Resolvers

TEXT = """\
# made by something
nameserver 127.0.0.53   # of this machine
nameserver 192.0.2.53
nameserver nonsense
search example.org lab.example
options edns0 trust-ad
options ndots:2
"""


def test_parse() -> None:
    """Are servers, search list and options read, and comments and nonsense passed over?"""
    found = Resolvers.parse(TEXT)
    assert found.servers == ("127.0.0.53", "192.0.2.53")
    assert found.search == ("example.org", "lab.example")
    assert found.options == ("edns0", "trust-ad", "ndots:2")
    assert found.local == "127.0.0.53"
    assert Resolvers.parse(found.to_text()) == found


def test_for_container() -> None:
    """Is a resolver on the host's loopback asked at the gateway, and others as they are?"""
    inside = Resolvers.parse(TEXT).for_container("172.17.0.1")
    assert inside.servers == ("172.17.0.1", "192.0.2.53")
    assert inside.search == ("example.org", "lab.example")


def test_nobody() -> None:
    """Are public servers asked where the host names none?"""
    assert Resolvers.parse("search example.org").for_container("172.17.0.1").servers == PUBLIC
    assert Resolvers().local == ""
