"""The host's ports: which ones the lab has given out, and binding the next one.

Source: moby, libnetwork's port allocator (order of ports, wording of errors).
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from lab.errors import NetworkError
from lab.kernel import ports

ANY4, ANY6 = "0.0.0.0", "::"
_RANGE_FILE = "/proc/sys/net/ipv4/ip_local_port_range"
_DEFAULT_RANGE = (49153, 65535)
_PRIVILEGED = 1024
_BACKLOG = 1 << 16
"""Waiting connections; the kernel caps it at net.core.somaxconn."""
_IN_USE = os.strerror(errno.EADDRINUSE).lower()
_FORBIDDEN = os.strerror(errno.EACCES).lower()


class Outside(Protocol):
    """Leads ports of a machine that this one is inside of to the same ports here.

    Both return why not, in a few words (`address already in use`), or an empty string.
    """

    def publish(self, address: str, port: int, protocol: str) -> str: ...
    def unpublish(self, address: str, port: int, protocol: str) -> str: ...


class Privileged(Protocol):
    """Binds ports that this process may not: those below 1024."""

    def bind(self, address: str, port: int, protocol: str) -> socket.socket:
        """Return a socket that is bound; OSError if that one may not either."""


class HostPorts:
    """Binds sockets, listening ones for TCP, and remembers them until they are released.

    Thread-safe.

    `ephemeral` is the first and last port of those that are chosen when none is asked for; by
    default the kernel's own range for that.

    With `outside`, the addresses are those of the machine around this one.  IPv4 connections to
    them arrive here at another address than they were made to, so all of them are listened to;
    IPv6 ports are published here alone.  `privileged` is asked for ports that are refused here.
    """

    def __init__(
        self,
        ephemeral: tuple[int, int] | None = None,
        outside: Outside | None = None,
        privileged: Privileged | None = None,
    ) -> None:
        self._ephemeral = ephemeral or _kernel_range()
        self._outside = outside
        self._privileged = privileged
        self._taken: set[tuple[str, int, str]] = set()
        self._latest: dict[tuple[int, int, str], int] = {}
        self._lock = threading.Lock()

    def bind(
        self, addresses: Sequence[str], first: int, last: int, protocol: str = "tcp"
    ) -> tuple[int, list[socket.socket]]:
        """Bind one port from `first` to `last` on all of `addresses`; `first` 0: any port.

        Ports that were not used for the longest time come first.  Returns the port, and a
        socket for each address.  Raises NetworkError, and then nothing is bound.
        """
        first, last = (first, max(first, last)) if first else self._ephemeral
        refusal = NetworkError("all ports are allocated")
        with self._lock:
            for port in self._candidates(first, last, protocol):
                holder = self._holder(addresses, port, protocol)
                if holder:
                    if first == last:
                        refusal = NetworkError(
                            f"Bind for {holder}:{port} failed: port is already allocated"
                        )
                    continue
                try:
                    sockets = self._bind_all(addresses, port, protocol)
                except _Taken as error:
                    refusal = error
                    continue
                self._taken.update((address, port, protocol) for address in addresses)
                self._latest[first, last, protocol] = port
                return port, sockets
        raise refusal

    def release(self, address: str, port: int, protocol: str = "tcp") -> None:
        """Let a port be given out again; its socket is the caller's to close, before this."""
        with self._lock:
            self._unpublish([address], port, protocol)
            self._taken.discard((address, port, protocol))

    def _candidates(self, first: int, last: int, protocol: str) -> Iterator[int]:
        start = self._latest.get((first, last, protocol), last) + 1
        yield from range(start, last + 1)
        yield from range(first, min(start, last + 1))

    def _holder(self, addresses: Sequence[str], port: int, protocol: str) -> str | None:
        """Return the address whose mapping by us stands in the way of `port`, if any."""
        held = sorted(each[0] for each in self._taken if each[1:] == (port, protocol))
        for wanted in addresses:
            wild = ANY6 if ":" in wanted else ANY4
            for holder in held:
                same_family = (":" in holder) == (":" in wanted)
                if same_family and (wanted in (wild, holder) or holder == wild):
                    return holder
        return None

    def _bind_all(self, addresses: Sequence[str], port: int, protocol: str) -> list[socket.socket]:
        """Return a socket for each address; all of them, and published, or none."""
        sockets: list[socket.socket] = []
        try:
            for address in addresses:
                arrives_elsewhere = self._outside is not None and _is_ipv4(address)
                here = ANY4 if arrives_elsewhere else address
                sockets.append(_listen(here, port, protocol, self._privileged))
            self._publish(addresses, port, protocol)
        except NetworkError:
            for sock in sockets:
                sock.close()
            raise
        return sockets

    def _publish(self, addresses: Sequence[str], port: int, protocol: str) -> None:
        """Publish a port that is bound here outside as well: at all addresses or none."""
        if self._outside is None:
            return
        done: list[str] = []
        for address in filter(_is_ipv4, addresses):
            refusal = self._outside.publish(address, port, protocol)
            if refusal:
                self._unpublish(done, port, protocol)
                raise _refusal(address, port, protocol, refusal)
            done.append(address)

    def _unpublish(self, addresses: Sequence[str], port: int, protocol: str) -> None:
        if self._outside is not None:
            for address in filter(_is_ipv4, addresses):
                self._outside.unpublish(address, port, protocol)


class _Taken(NetworkError):
    """Another program has the port."""


def ipv6_usable() -> bool:
    """Return whether the host has an IPv6 loopback, as Docker asks before it binds [::] too."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _listen(address: str, port: int, protocol: str, privileged: Privileged | None) -> socket.socket:
    try:
        sock = _bound(address, port, protocol, privileged)
        try:
            if protocol == "tcp":
                sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        raise _refusal(address, port, protocol, _reason(error)) from error
    return sock


def _bound(address: str, port: int, protocol: str, privileged: Privileged | None) -> socket.socket:
    try:
        return ports.bound(address, port, protocol)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM) or privileged is None:
            raise
    return privileged.bind(address, port, protocol)


def _is_ipv4(address: str) -> bool:
    return ":" not in address


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or errno.EIO)


def _refusal(address: str, port: int, protocol: str, reason: str) -> NetworkError:
    shown, family = (f"[{address}]", 6) if ":" in address else (address, 4)
    reason = f"{reason[:1].lower()}{reason[1:]}"
    text = f"listen {protocol}{family} {shown}:{port}: bind: {reason}"
    if reason == _IN_USE:
        return _Taken(f"Error starting userland proxy: {text}")
    if reason == _FORBIDDEN and port < _PRIVILEGED:
        return NetworkError(
            f"Error starting userland proxy: cannot expose privileged port {port}, you can "
            f"add 'net.ipv4.ip_unprivileged_port_start={port}' to /etc/sysctl.conf (currently "
            f"{_first_free_port()}), or choose a larger port number (>= {_PRIVILEGED}): {text}",
            hint=f"try -p {8000 + port}:...",
        )
    return NetworkError(f"Error starting userland proxy: {text}")


def _first_free_port() -> int:
    try:
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
            return int(file.read())
    except (OSError, ValueError):
        return _PRIVILEGED


def _kernel_range() -> tuple[int, int]:
    try:
        with open(_RANGE_FILE) as file:
            first, last = map(int, file.read().split())
    except (OSError, ValueError):
        return _DEFAULT_RANGE
    return first, last
