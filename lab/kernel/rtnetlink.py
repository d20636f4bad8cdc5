"""Links, addresses and routes: the requests that the lab makes of the kernel, as messages.

Links are meant by index, since names may change; `link_index` looks one up.
Source: rtnetlink(7), linux/if_link.h, linux/veth.h, linux/if_addr.h.
"""

from __future__ import annotations

import _socket
import errno
import os
import struct

from lab.kernel.netlink import CREATE, EXCL, Message, Netlink, attribute

LOOPBACK = 1
"""The index of `lo` in every network namespace."""

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_DELROUTE = 24, 25

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER = 1, 3, 4, 10
_IFLA_LINKINFO, _IFLA_AF_SPEC, _IFLA_NET_NS_FD = 18, 26, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_INFO_SLAVE_KIND, _INFO_SLAVE_DATA, _BRPORT_ISOLATED = 4, 5, 33
_INET6_ADDR_GEN_MODE, _GEN_MODE_NONE = 8, 1
_IFF_UP = 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_NODAD = 2
_RTA_OIF, _RTA_GATEWAY = 4, 5
_TABLE_MAIN, _PROTO_BOOT, _SCOPE_UNIVERSE, _UNICAST = 254, 3, 0, 1


def link_index(netlink: Netlink, name: str) -> int:
    """Return the index of the link called `name`; raises SyscallError (ENODEV) if none is."""
    question = Message(f"look up link {name}", RTM_GETLINK, _link(0) + _name(name))
    (index,) = struct.unpack_from("=i", netlink.query(question)[0], 4)
    return int(index)


def create_bridge(name: str, mac: bytes, mtu: int) -> Message:
    """Make a bridge, down.  A fixed `mac` stays; otherwise it would follow the bridge's ports."""
    info = _nested(_IFLA_LINKINFO, attribute(_INFO_KIND, b"bridge"))
    body = _link(0) + _name(name) + attribute(_IFLA_ADDRESS, mac) + _number(_IFLA_MTU, mtu) + info
    return Message(f"create bridge {name}", RTM_NEWLINK, body, CREATE | EXCL)


def create_veth(
    name: str, bridge: int, mtu: int, peer_name: str, peer_mac: bytes, peer_netns: int
) -> Message:
    """Make a veth pair: `name`, up and a port of the link with index `bridge`, and its peer.

    The peer, down, appears as `peer_name` in the network namespace that the open file
    `peer_netns` stands for.
    """
    peer = (
        _link(0)
        + _name(peer_name)
        + _number(_IFLA_NET_NS_FD, peer_netns)
        + attribute(_IFLA_ADDRESS, peer_mac)
        + _number(_IFLA_MTU, mtu)
    )
    info = _nested(
        _IFLA_LINKINFO,
        attribute(_INFO_KIND, b"veth"),
        _nested(_INFO_DATA, attribute(_VETH_PEER, peer)),
    )
    ours = _name(name) + _number(_IFLA_MTU, mtu) + _number(_IFLA_MASTER, bridge)
    body = _link(0, up=True) + ours + info
    operation = f"create veth {name} with peer {peer_name}"
    return Message(operation, RTM_NEWLINK, body, CREATE | EXCL)


def set_up(index: int) -> Message:
    """Bring a link up."""
    return Message(f"set link {index} up", RTM_NEWLINK, _link(index, up=True))


def set_master(index: int, bridge: int) -> Message:
    """Make a link a port of the bridge with index `bridge`; 0 takes it out."""
    body = _link(index) + _number(_IFLA_MASTER, bridge)
    return Message(f"set master of link {index} to {bridge}", RTM_NEWLINK, body)


def set_mtu(index: int, mtu: int) -> Message:
    """Set the largest packet of a link, in bytes."""
    body = _link(index) + _number(_IFLA_MTU, mtu)
    return Message(f"set mtu of link {index} to {mtu}", RTM_NEWLINK, body)


def rename(index: int, name: str) -> Message:
    """Give a link another name; some kernels want it down."""
    return Message(f"rename link {index} to {name}", RTM_NEWLINK, _link(index) + _name(name))


def no_link_local(index: int) -> Message:
    """Let a link have no IPv6 address of its own making; to be sent before it is up."""
    mode = attribute(_INET6_ADDR_GEN_MODE, bytes([_GEN_MODE_NONE]))
    spec = _nested(_IFLA_AF_SPEC, _nested(_socket.AF_INET6, mode))
    # a kernel without IPv6 makes none anyway
    return Message(
        f"set no link-local address on link {index}",
        RTM_NEWLINK,
        _link(index) + spec,
        tolerated=(errno.EAFNOSUPPORT, errno.EOPNOTSUPP),
    )


def delete_link(name: str) -> Message:
    """Delete a link.  Never a veth: that waits 16 ms; it goes with its peer's namespace."""
    return Message(f"delete link {name}", RTM_DELLINK, _link(0) + _name(name))


def add_address(index: int, address: str, prefix_length: int) -> Message:
    """Add an IPv4 or IPv6 address to a link, which can be used at once."""
    family, packed = _packed(address)
    # nobody else can have an address that the engine gives out: no need to ask around
    flags = _IFA_F_NODAD if family == _socket.AF_INET6 else 0
    body = struct.pack("=BBBBi", family, prefix_length, flags, 0, index)
    body += attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)
    operation = f"add address {address}/{prefix_length} to link {index}"
    return Message(operation, RTM_NEWADDR, body, CREATE | EXCL)


def isolate_port(index: int) -> Message:
    """Let a port of a bridge reach the bridge itself, and no other isolated port."""
    body = _link(index) + _nested(
        _IFLA_LINKINFO,
        attribute(_INFO_SLAVE_KIND, b"bridge"),
        _nested(_INFO_SLAVE_DATA, attribute(_BRPORT_ISOLATED, b"\1")),
    )
    return Message(f"isolate port {index} of its bridge", RTM_NEWLINK, body)


def delete_default_route() -> Message:
    """Take the IPv4 default route away; that there is none is no error."""
    route = (_socket.AF_INET, 0, 0, 0, _TABLE_MAIN, 0, _SCOPE_UNIVERSE, 0, 0)
    body = struct.pack("=BBBBBBBBI", *route)
    return Message("delete the default route", RTM_DELROUTE, body, tolerated=(errno.ESRCH,))


def add_default_route(gateway: str) -> Message:
    """Send what no other route takes to `gateway`, which must be on a link that is up."""
    family, packed = _packed(gateway)
    route = (family, 0, 0, 0, _TABLE_MAIN, _PROTO_BOOT, _SCOPE_UNIVERSE, _UNICAST, 0)
    body = struct.pack("=BBBBBBBBI", *route) + attribute(_RTA_GATEWAY, packed)
    return Message(f"add default route by {gateway}", RTM_NEWROUTE, body, CREATE | EXCL)


def add_default_device(index: int) -> Message:
    """Send IPv4 packets that no other route takes to a link, with no next hop."""
    scope_link = 253
    route = (_socket.AF_INET, 0, 0, 0, _TABLE_MAIN, _PROTO_BOOT, scope_link, _UNICAST, 0)
    body = struct.pack("=BBBBBBBBI", *route) + _number(_RTA_OIF, index)
    return Message(f"add default route by link {index}", RTM_NEWROUTE, body, CREATE | EXCL)


def _link(index: int, up: bool = False) -> bytes:
    flag = _IFF_UP if up else 0
    return struct.pack("=BxHiII", 0, 0, index, flag, flag)


def _nested(type: int, *parts: bytes) -> bytes:
    return attribute(type, b"".join(parts))


def _number(type: int, value: int) -> bytes:
    return attribute(type, struct.pack("=I", value))


def _name(name: str) -> bytes:
    return attribute(_IFLA_IFNAME, os.fsencode(name) + b"\0")


def _packed(address: str) -> tuple[int, bytes]:
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    return family, _socket.inet_pton(family, address)
