"""Rules of the kernel's packet filter, as netlink messages: what the lab's own table is made of.

A whole table is replaced in one batch, which the kernel performs entirely or not at all.  No
program such as nft is needed.  Source: linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h.
"""

from __future__ import annotations

import _socket
import errno
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from lab.kernel.netlink import CREATE, Message, Netlink, attribute

Expression = bytes
"""One step of a rule, encoded: a comparison that may end the rule, or what is done at last."""

PREROUTING, OUTPUT = 0, 3
"""Hooks of the network layer: packets that come in, packets that this namespace's own send."""

DSTNAT, FILTER = -100, 0
"""Priorities of chains, by their usual names."""

_SUBSYSTEM = 10
_BATCH_BEGIN, _BATCH_END = 16, 17
_NEW_TABLE, _DELETE_TABLE, _NEW_CHAIN, _NEW_RULE = 0, 2, 3, 6
_TABLE_NAME = 1
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _CHAIN_TYPE = 1, 3, 4, 7
_HOOK_NUMBER, _HOOK_PRIORITY = 1, 2
_RULE_TABLE, _RULE_CHAIN, _RULE_EXPRESSIONS = 1, 2, 4
_LIST_ELEMENT = 1
_EXPRESSION_NAME, _EXPRESSION_DATA = 1, 2
_DATA_VALUE, _DATA_VERDICT, _VERDICT_CODE = 1, 2, 1
_META_REGISTER, _META_KEY = 1, 2
_META_IN_NAME, _META_PROTOCOL = 6, 16
_PAYLOAD_REGISTER, _PAYLOAD_BASE, _PAYLOAD_OFFSET, _PAYLOAD_LENGTH = 1, 2, 3, 4
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_COMPARE_REGISTER, _COMPARE_OPERATOR, _COMPARE_DATA = 1, 2, 3
_EQUAL, _NOT_EQUAL = 0, 1
_BITS_SOURCE, _BITS_TARGET, _BITS_LENGTH, _BITS_MASK, _BITS_XOR = 1, 2, 3, 4, 5
_IMMEDIATE_REGISTER, _IMMEDIATE_DATA = 1, 2
_REDIRECT_FIRST = 1
_VERDICT, _REGISTER = 0, 1
_DROP, _ACCEPT = 0, 1
_NAME_SIZE = 16
_DESTINATION = 16
"""Offset of the destination's address in the IPv4 header."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of rules at a hook: `kind` is `nat` or `filter`.  What no rule takes is accepted."""

    name: str
    kind: str
    hook: int
    priority: int
    rules: Sequence[Sequence[Expression]]


def replace_table(netlink: Netlink, name: str, chains: Iterable[Chain]) -> None:
    """Make `name` the IPv4 table with these chains, instead of the one that may be there.

    `netlink` is a conversation with NETLINK_NETFILTER.  Raises SyscallError if the kernel refuses
    any of it (ENOENT or EOPNOTSUPP if it lacks a part); then everything is as before.
    """
    table = _text(_TABLE_NAME, name)
    steps = [
        # there must be one to be deleted
        _message(f"add table {name}", _NEW_TABLE, table, CREATE),
        _message(f"delete table {name}", _DELETE_TABLE, table),
        _message(f"add table {name}", _NEW_TABLE, table, CREATE),
    ]
    for chain in chains:
        steps.append(_chain(name, chain))
        steps += [_rule(name, chain.name, rule) for rule in chain.rules]
    netlink.batch(_edge("begin batch", _BATCH_BEGIN), _edge("end batch", _BATCH_END), *steps)


# --- what a rule compares: each returns the expressions to put into it


def arrives_by(interface: str) -> list[Expression]:
    """The packet comes in by this interface."""
    return _interface(_META_IN_NAME, interface, _EQUAL)


def arrives_not_by(interface: str) -> list[Expression]:
    """The packet comes in by another interface."""
    return _interface(_META_IN_NAME, interface, _NOT_EQUAL)


def carries(protocol: int) -> list[Expression]:
    """The packet is of this protocol (IPPROTO_TCP, ...)."""
    return [_meta(_META_PROTOCOL), _compare(bytes([protocol]))]


def goes_to(target: IPv4Address | IPv4Network) -> list[Expression]:
    """The packet's destination is this address, or lies in this network."""
    load = _payload(_NETWORK_HEADER, _DESTINATION, 4)
    if isinstance(target, IPv4Address):
        return [load, _compare(target.packed)]
    return [load, _mask(target.netmask.packed), _compare(target.network_address.packed)]


def says_port_unreachable() -> list[Expression]:
    """The packet tells its receiver that nobody listens at a UDP port."""
    port_unreachable = bytes([3, 3])
    header = _payload(_TRANSPORT_HEADER, 0, 2)
    return [*carries(_socket.IPPROTO_ICMP), header, _compare(port_unreachable)]


# --- what a rule does at last


def accept() -> list[Expression]:
    """Ask no further rule of the chain."""
    return [_verdict(_ACCEPT)]


def drop() -> list[Expression]:
    """Let the packet go no further."""
    return [_verdict(_DROP)]


def redirect(port: int) -> list[Expression]:
    """Hand the connection to whoever listens at this port of this namespace; for chains of NAT."""
    value = _nested(_IMMEDIATE_DATA, attribute(_DATA_VALUE, struct.pack(">H", port)))
    return [
        _expression("immediate", _number(_IMMEDIATE_REGISTER, _REGISTER) + value),
        _expression("redir", _number(_REDIRECT_FIRST, _REGISTER)),
    ]


# --- encoding


def _edge(operation: str, type: int) -> Message:
    return Message(operation, type, struct.pack(">BBH", _socket.AF_UNSPEC, 0, _SUBSYSTEM))


def _message(operation: str, type: int, body: bytes, flags: int = 0) -> Message:
    header = struct.pack(">BBH", _socket.AF_INET, 0, 0)
    return Message(operation, _SUBSYSTEM << 8 | type, header + body, flags)


def _chain(table: str, chain: Chain) -> Message:
    hook = _number(_HOOK_NUMBER, chain.hook) + _number(_HOOK_PRIORITY, chain.priority)
    body = (
        _text(_CHAIN_TABLE, table)
        + _text(_CHAIN_NAME, chain.name)
        + _nested(_CHAIN_HOOK, hook)
        + _text(_CHAIN_TYPE, chain.kind)
    )
    return _message(f"add chain {chain.name} of type {chain.kind}", _NEW_CHAIN, body, CREATE)


def _rule(table: str, chain: str, expressions: Sequence[Expression]) -> Message:
    steps = b"".join(_nested(_LIST_ELEMENT, each) for each in expressions)
    body = _text(_RULE_TABLE, table) + _text(_RULE_CHAIN, chain)
    body += _nested(_RULE_EXPRESSIONS, steps)
    append = 0x800
    return _message(f"add rule to chain {chain}", _NEW_RULE, body, CREATE | append)


def _interface(key: int, name: str, operator: int) -> list[Expression]:
    return [_meta(key), _compare(name.encode().ljust(_NAME_SIZE, b"\0"), operator)]


def _meta(key: int) -> Expression:
    body = _number(_META_KEY, key) + _number(_META_REGISTER, _REGISTER)
    return _expression("meta", body)


def _payload(base: int, offset: int, length: int) -> Expression:
    body = (
        _number(_PAYLOAD_REGISTER, _REGISTER)
        + _number(_PAYLOAD_BASE, base)
        + _number(_PAYLOAD_OFFSET, offset)
        + _number(_PAYLOAD_LENGTH, length)
    )
    return _expression("payload", body)


def _compare(value: bytes, operator: int = _EQUAL) -> Expression:
    body = _number(_COMPARE_REGISTER, _REGISTER) + _number(_COMPARE_OPERATOR, operator)
    body += _nested(_COMPARE_DATA, attribute(_DATA_VALUE, value))
    return _expression("cmp", body)


def _mask(mask: bytes) -> Expression:
    body = (
        _number(_BITS_SOURCE, _REGISTER)
        + _number(_BITS_TARGET, _REGISTER)
        + _number(_BITS_LENGTH, len(mask))
        + _nested(_BITS_MASK, attribute(_DATA_VALUE, mask))
        + _nested(_BITS_XOR, attribute(_DATA_VALUE, bytes(len(mask))))
    )
    return _expression("bitwise", body)


def _verdict(code: int) -> Expression:
    verdict = _nested(_DATA_VERDICT, _number(_VERDICT_CODE, code))
    body = _number(_IMMEDIATE_REGISTER, _VERDICT) + _nested(_IMMEDIATE_DATA, verdict)
    return _expression("immediate", body)


def _expression(name: str, body: bytes) -> Expression:
    return _text(_EXPRESSION_NAME, name) + _nested(_EXPRESSION_DATA, body)


def _text(type: int, text: str) -> bytes:
    return attribute(type, text.encode() + b"\0")


def _number(type: int, value: int) -> bytes:
    return attribute(type, struct.pack(">i", value))


def _nested(type: int, content: bytes) -> bytes:
    return attribute(type | 0x8000, content)


LACKING = (errno.ENOENT, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT)
"""Errors that mean: this kernel is without that part."""
