"""The way out's rules in a real kernel: which connections come to the listener, which do not."""

from __future__ import annotations

import errno
import socket
import struct
from ipaddress import IPv4Address, IPv4Network

import pytest

from lab.errors import SyscallError
from lab.kernel import nftables, rtnetlink
from lab.kernel.netlink import NETFILTER, Netlink
from lab.network.rules import Segment, chains

from .isolation import isolated

OURS = Segment("br-test", IPv4Network("172.18.0.0/16"), IPv4Address("172.18.0.1"))


def listener() -> socket.socket:
    """A listener in a namespace where every address is routed to the loopback."""
    with Netlink() as netlink:
        netlink.transact(
            rtnetlink.set_up(rtnetlink.LOOPBACK),
            rtnetlink.add_address(rtnetlink.LOOPBACK, "172.18.0.1", 16),
            rtnetlink.add_default_device(rtnetlink.LOOPBACK),
        )
    return socket.create_server(("0.0.0.0", 0))


@isolated
def test_own_connections_are_redirected() -> None:
    """Does a connection to the outside come to the listener, which can tell where it was going?"""
    server = listener()
    with Netlink(protocol=NETFILTER) as netlink:
        nftables.replace_table(netlink, "lab", chains([OURS], server.getsockname()[1]))
    client = socket.create_connection(("192.0.2.9", 443), 5)
    accepted, _ = server.accept()
    found = accepted.getsockopt(socket.IPPROTO_IP, 80, 16)
    assert struct.unpack_from(">H", found, 2) == (443,)
    assert socket.inet_ntoa(found[4:8]) == "192.0.2.9"
    client.close()


@isolated
def test_own_networks_are_left_alone() -> None:
    """Is a connection into one of the lab's networks not redirected?"""
    server = listener()
    with Netlink(protocol=NETFILTER) as netlink:
        nftables.replace_table(netlink, "lab", chains([OURS], server.getsockname()[1]))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("172.18.0.1", 443), 5)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 443), 5)


@isolated
def test_replaced_as_a_whole() -> None:
    """Does a new table take the place of the old one, and a refused one leave it as it was?"""
    server = listener()
    port = server.getsockname()[1]
    with Netlink(protocol=NETFILTER) as netlink:
        for _ in range(3):
            nftables.replace_table(netlink, "lab", chains([OURS], port))
        wrong = [nftables.Chain("wrong", "nat", 99, 0, [])]
        with pytest.raises(SyscallError) as caught:
            nftables.replace_table(netlink, "lab", wrong)
        assert caught.value.errno in (errno.EOPNOTSUPP, errno.EINVAL)
        socket.create_connection(("192.0.2.9", 443), 5).close()
        nftables.replace_table(netlink, "lab", [])
    # nothing is redirected any more, and nobody answers for that address
    with socket.socket() as probe:
        probe.settimeout(0.2)
        assert probe.connect_ex(("192.0.2.9", 443)) != 0
