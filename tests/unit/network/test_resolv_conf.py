"""/etc/resolv.conf, read and made."""

from __future__ import annotations

from lab.network.resolv_conf import PUBLIC, DnsWish, ResolvConf, for_container

HOST = ResolvConf.parse(
    """# made by hand
nameserver 10.0.0.53
nameserver 127.0.0.53
nameserver fe80::1%eth0
nameserver nonsense
domain old.example
search a.example b.example
options edns0
options trust-ad
sortlist 10.0.0.0
"""
)


def test_reading() -> None:
    """Are servers, the last search line, all options and other lines read?"""
    assert HOST.servers == ("10.0.0.53", "127.0.0.53", "fe80::1%eth0")
    assert HOST.search == ("a.example", "b.example")
    assert HOST.options == ("edns0", "trust-ad")
    assert HOST.others == ("sortlist 10.0.0.0",)
    assert ResolvConf.parse(str(HOST)) == HOST


def test_on_the_default_bridge() -> None:
    """Does a container get the host's file without what would mean itself?"""
    assert for_container(HOST, DnsWish(), False).servers == ("10.0.0.53", "fe80::1%eth0")
    led = for_container(HOST, DnsWish(), False, "172.17.0.1")
    assert led.servers == ("10.0.0.53", "172.17.0.1", "fe80::1%eth0")
    assert for_container(ResolvConf(), DnsWish(), False).servers == PUBLIC
    assert HOST.local == "127.0.0.53" and ResolvConf().local == ""


def test_with_the_embedded_dns() -> None:
    """Is the embedded DNS the only server, and are short names asked for as they are?"""
    made = for_container(HOST, DnsWish(), True)
    assert str(made) == (
        "nameserver 127.0.0.11\nsearch a.example b.example\n"
        "options edns0 trust-ad ndots:0\nsortlist 10.0.0.0\n"
    )
    chosen = for_container(HOST, DnsWish(options=["ndots:2"]), True)
    assert chosen.options == ("ndots:2",)


def test_wishes() -> None:
    """Do --dns, --dns-search and --dns-option take the place of the host's values?"""
    wish = DnsWish(["1.2.3.4"], ["."], ["timeout:1"])
    made = for_container(HOST, wish, False)
    assert (made.servers, made.search, made.options) == (("1.2.3.4",), (), ("timeout:1",))
