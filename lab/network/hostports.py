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

ANY4, ANY6 = "0.0.0.0", "::"
_RANGE_FILE = "/proc/sys/net/ipv4/ip_local_port_range"
_DEFAULT_RANGE = (49153, 65535)
_PRIVILEGED = 1024
_IN_USE = os.strerror(errno.EADDRINUSE).lower()
_FORBIDDEN = os.strerror(errno.EACCES).lower()


class Outside(Protocol):
    """Leads ports of a machine that this one is inside of to the same ports here.

    Both return why not, in a few words (`address already in use`), or an empty string.
    """

    def publish(self, address: str, port: int, protocol: str) -> str: ...
    def unpublish(self, address: str, port: int, protocol: str) -> str: ...


class HostPorts:
    """Binds listening sockets and remembers them until they are released.  Thread-safe.

    `ephemeral` is the first and last port of those that are chosen when none is asked for; by
    default the kernel's own range for that.

    With `outside`, the addresses are those of the machine around this one.  IPv4 connections to
    them arrive here at another address than they were made to, so all of them are listened to;
    IPv6 ports are published here alone.
    """

    def __init__(
        self, ephemeral: tuple[int, int] | None = None, outside: Outside | None = None
    ) -> None:
        self._ephemeral = ephemeral or _kernel_range()
        self._outside = outside
        self._taken: set[tuple[str, int]] = set()
        self._latest: dict[tuple[int, int], int] = {}
        self._lock = threading.Lock()

    def bind(
        self, addresses: Sequence[str], first: int, last: int
    ) -> tuple[int, list[socket.socket]]:
        """Listen at one port from `first` to `last` on all of `addresses`; `first` 0: any port.

        Ports that were not used for the longest time come first.  Returns the port, and a
        listening socket for each address.  Raises NetworkError, and then nothing is bound.
        """
        first, last = (first, max(first, last)) if first else self._ephemeral
        refusal = NetworkError("all ports are allocated")
        with self._lock:
            for port in self._candidates(first, last):
                holder = self._holder(addresses, port)
                if holder:
                    if first == last:
                        refusal = NetworkError(
                            f"Bind for {holder}:{port} failed: port is already allocated"
                        )
                    continue
                try:
                    sockets = self._listen_all(addresses, port)
                except _Taken as error:
                    refusal = error
                    continue
                self._taken.update((address, port) for address in addresses)
                self._latest[first, last] = port
                return port, sockets
        raise refusal

    def release(self, address: str, port: int) -> None:
        """Let a port be given out again; its socket is the caller's to close, before this."""
        with self._lock:
            self._unpublish([address], port)
            self._taken.discard((address, port))

    def _candidates(self, first: int, last: int) -> Iterator[int]:
        start = self._latest.get((first, last), last) + 1
        yield from range(start, last + 1)
        yield from range(first, min(start, last + 1))

    def _holder(self, addresses: Sequence[str], port: int) -> str | None:
        """Return the address whose mapping by us stands in the way of `port`, if any."""
        held = sorted(address for address, number in self._taken if number == port)
        for wanted in addresses:
            wild = ANY6 if ":" in wanted else ANY4
            for holder in held:
                same_family = (":" in holder) == (":" in wanted)
                if same_family and (wanted in (wild, holder) or holder == wild):
                    return holder
        return None

    def _listen_all(self, addresses: Sequence[str], port: int) -> list[socket.socket]:
        """Return a listening socket for each address; all of them, and published, or none."""
        sockets: list[socket.socket] = []
        try:
            for address in addresses:
                arrives_elsewhere = self._outside is not None and _is_ipv4(address)
                sockets.append(_listen(ANY4 if arrives_elsewhere else address, port))
            self._publish(addresses, port)
        except NetworkError:
            for sock in sockets:
                sock.close()
            raise
        return sockets

    def _publish(self, addresses: Sequence[str], port: int) -> None:
        """Publish a port that is bound here outside as well: at all addresses or none."""
        if self._outside is None:
            return
        done: list[str] = []
        for address in filter(_is_ipv4, addresses):
            refusal = self._outside.publish(address, port, "tcp")
            if refusal:
                self._unpublish(done, port)
                raise _refusal(address, port, "bind", refusal)
            done.append(address)

    def _unpublish(self, addresses: Sequence[str], port: int) -> None:
        if self._outside is not None:
            for address in filter(_is_ipv4, addresses):
                self._outside.unpublish(address, port, "tcp")


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


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _refusal(address, port, "socket", _reason(error)) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        # the kernel caps it at net.core.somaxconn
        sock.listen(1 << 16)
    except OSError as error:
        sock.close()
        raise _refusal(address, port, "bind", _reason(error)) from error
    return sock


def _is_ipv4(address: str) -> bool:
    return ":" not in address


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or errno.EIO)


def _refusal(address: str, port: int, step: str, reason: str) -> NetworkError:
    where = f"listen tcp6 [{address}]" if ":" in address else f"listen tcp4 {address}"
    reason = f"{reason[:1].lower()}{reason[1:]}"
    text = f"{where}:{port}: {step}: {reason}"
    if reason == _IN_USE:
        return _Taken(f"Error starting userland proxy: {text}")
    if reason == _FORBIDDEN and port < _PRIVILEGED:
        return NetworkError(
            f"Error starting userland proxy: cannot expose privileged port {port}, "
            f"choose a larger port number (>= {_PRIVILEGED}): {text}",
            hint=f"the lab publishes ports from {_PRIVILEGED} up: try -p {8000 + port}:...",
        )
    return NetworkError(f"Error starting userland proxy: {text}")


def _kernel_range() -> tuple[int, int]:
    try:
        with open(_RANGE_FILE) as file:
            first, last = map(int, file.read().split())
    except (OSError, ValueError):
        return _DEFAULT_RANGE
    return first, last
