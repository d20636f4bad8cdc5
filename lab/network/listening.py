"""Which ports programs in a network namespace listen at.  Source: proc(5), /proc/PID/net/tcp."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

_FILES = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6")}
_WAITING = {"tcp": "0A", "udp": "07"}
"""States: TCP_LISTEN, and for UDP that of a socket without a peer."""

FIRST_CHOSEN = 32768
"""From here on UDP ports are those that the kernel chooses for clients, which await answers only."""


@dataclass(frozen=True, slots=True, order=True)
class Listening:
    """A port that is listened at; `address` is empty for all addresses."""

    protocol: str
    port: int
    address: str = ""


def listening(pid: int, proc: Path = Path("/proc")) -> set[Listening]:
    """Return what is listened at in the network namespace of a process.

    A server of the loopback appears with its address; one at another single address does not
    appear.  Raises OSError if there is no such process.
    """
    found: set[Listening] = set()
    for protocol, files in _FILES.items():
        for name in files:
            path = proc / str(pid) / "net" / name
            # a kernel without IPv6 has no such file
            if name in ("tcp", "udp") or path.exists():
                found.update(parse(protocol, path.read_text().splitlines()[1:]))
    return found


def parse(protocol: str, lines: Iterable[str]) -> Iterator[Listening]:
    """Yield what the lines of a file of /proc/PID/net say."""
    for line in lines:
        _, local, _, state, *_ = line.split(maxsplit=4)
        if state != _WAITING[protocol]:
            continue
        text, _, number = local.partition(":")
        port, address = int(number, 16), _address(text)
        if protocol == "udp" and port >= FIRST_CHOSEN:
            continue
        if address.is_unspecified:
            yield Listening(protocol, port)
        elif isinstance(address, IPv4Address) and address.is_loopback:
            yield Listening(protocol, port, str(address))


def _address(text: str) -> IPv4Address | IPv6Address:
    """Read an address: words of 32 bits, each in the processor's own order of bytes."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    # the kernel prints them as numbers of this machine
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    if len(packed) == 4:
        return IPv4Address(packed)
    address = IPv6Address(packed)
    return address.ipv4_mapped or address
