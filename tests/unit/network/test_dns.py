"""DNS messages: questions read, answers made."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.network import dns


def question(name: str, type: int = dns.A, id: int = 7, edns: int = 0) -> bytes:
    header = struct.pack(">6H", id, 0x0100, 1, 0, 0, 1 if edns else 0)
    extra = b"\0" + struct.pack(">HHIH", dns.OPT, edns, 0, 0) if edns else b""
    return header + dns.encode_name(name) + struct.pack(">HH", type, 1) + extra


def parsed(data: bytes) -> dns.Query:
    query = dns.parse(data)
    assert query is not None
    return query


def test_a_question_is_read() -> None:
    """Are name, type and the client's room for an answer read, the name in small letters?"""
    query = parsed(question("Web.App", edns=1232))
    assert (query.id, query.name, query.type, query.limit) == (7, "web.app", dns.A, 1232)
    assert parsed(question("web")).limit == dns.SMALLEST


def test_addresses() -> None:
    """Does the answer hold the question, every address, and that there is more to be had here?"""
    query = parsed(question("web"))
    answer = dns.with_addresses(query, [IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")])
    id, flags, questions, answers, _, _ = struct.unpack_from(">6H", answer)
    assert (id, flags, questions, answers) == (7, 0x8180, 1, 2)
    assert answer[12:].startswith(query.question)
    assert answer.endswith(b"\x00\x04\x0a\x00\x00\x02")
    assert dns.answers(query, answer) and not dns.answers(parsed(question("db")), answer)


def test_the_name_of_an_address() -> None:
    """Is a question for an address's name understood, and other names of that kind not?"""
    query = parsed(question("2.0.18.172.in-addr.arpa", dns.PTR))
    assert query.address == IPv4Address("172.18.0.2")
    assert dns.with_name(query, "web.app").endswith(b"\x03web\x03app\x00")
    for name in ("18.172.in-addr.arpa", "x.0.18.172.in-addr.arpa", "web"):
        assert parsed(question(name, dns.PTR)).address is None
    assert parsed(question("2.0.18.172.in-addr.arpa")).address is None


def test_ipv6() -> None:
    """Are IPv6 addresses answered with, and asked about?"""
    address = IPv6Address("2001:db8::2")
    query = parsed(question("web", dns.AAAA))
    assert dns.with_addresses(query, [address]).endswith(b"\x00\x10" + address.packed)
    digits = ".".join(reversed(address.packed.hex()))
    assert parsed(question(f"{digits}.ip6.arpa", dns.PTR)).address == address
    assert parsed(question("1.2.ip6.arpa", dns.PTR)).address is None


def test_failures() -> None:
    """Does an answer without content say how it went?"""
    answer = dns.without_content(parsed(question("web")), dns.SERVER_FAILURE)
    assert (dns.code_of(answer), answer[6:8]) == (dns.SERVER_FAILURE, b"\0\0")


def test_what_does_not_fit() -> None:
    """Is an answer that is too long for the client sent without content, and marked so?"""
    many = [IPv4Address(number) for number in range(1, 100)]
    small, large = parsed(question("web")), parsed(question("web", edns=4096))
    assert dns.fitting(large, dns.with_addresses(large, many)) == dns.with_addresses(large, many)
    cut = dns.fitting(small, dns.with_addresses(small, many))
    assert len(cut) <= dns.SMALLEST
    assert struct.unpack_from(">6H", cut) == (7, 0x8380, 1, 0, 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        question("web")[:-1],
        struct.pack(">6H", 7, 0x8180, 1, 0, 0, 0) + question("web")[12:],
        struct.pack(">6H", 7, 0x0100, 2, 0, 0, 0) + question("web")[12:],
        struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\x01\0\x01",
        question("web")[:-2] + b"\0\x03",
    ],
)
def test_what_is_no_question(data: bytes) -> None:
    """Is what is no question, or one in a form that nobody sends, left alone?"""
    assert dns.parse(data) is None


@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    """Is whatever arrives read, or found to be no question?"""
    query = dns.parse(data)
    if query is not None:
        assert dns.answers(query, dns.without_content(query))
