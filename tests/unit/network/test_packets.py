"""UDP packets as bytes: taken apart, and put together."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.network.packets import Datagram, encode, parse

HERE, THERE = IPv4Address("172.17.0.2"), IPv4Address("192.0.2.1")


@given(data=st.binary(max_size=1472), port=st.integers(1, 65535))
def test_round_trip(data: bytes, port: int) -> None:
    """Is what is put into one packet found in it again?"""
    sent = Datagram(HERE, 4000, THERE, port, data)
    (packet,) = encode(sent, 1500)
    assert parse(packet) == sent


def test_fragments() -> None:
    """Is a large datagram sent in pieces that fit, which make it up in order?"""
    sent = Datagram(HERE, 4000, THERE, 53, bytes(range(256)) * 20)
    packets = list(encode(sent, 1500))
    assert all(len(packet) <= 1500 for packet in packets)
    content, identities = b"", set()
    for number, packet in enumerate(packets):
        flags = int.from_bytes(packet[6:8], "big")
        assert (flags & 0x1FFF) * 8 == len(content)
        assert bool(flags & 0x2000) == (number < len(packets) - 1)
        identities.add(packet[4:6])
        content += packet[20:]
    assert content[8:] == sent.data and len(identities) == 1


@given(data=st.binary(max_size=60))
def test_anything(data: bytes) -> None:
    """Are bytes that are no datagram refused, or understood, but never a failure?"""
    parse(data)
    parse(b"\x45" + data)


@pytest.mark.parametrize("cut", [0, 19, 27, 30])
def test_cut_short(cut: int) -> None:
    """Is a packet that is not whole passed over?"""
    (packet,) = encode(Datagram(HERE, 4000, THERE, 53, b"question"), 1500)
    assert parse(packet[:cut]) is None
