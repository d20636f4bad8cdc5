"""The host's ports: which ones the lab has given out, and binding the next one.

Source: moby, libnetwork's port allocator (order of ports, wording of errors).
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator, Sequence

from lab.errors import NetworkError

ANY4, ANY6 = "0.0.0.0", "::"
_RANGE_FILE = "/proc/sys/net/ipv4/ip_local_port_range"
_DEFAULT_RANGE = (49153, 65535)
_PRIVILEGED = 1024


class HostPorts:
    """Binds listening sockets and remembers them until they are released.  Thread-safe.

    `ephemeral` is the first and last port of those that are chosen when none is asked for; by
    default the kernel's own range for that.
    """

    def __init__(self, ephemeral: tuple[int, int] | None = None) -> None:
        self._ephemeral = ephemeral or _kernel_range()
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
                    sockets = _listen_all(addresses, port)
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


def _listen_all(addresses: Sequence[str], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            sockets.append(_listen(address, port))
    except NetworkError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _refusal(address, port, "socket", error) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        # the kernel caps it at net.core.somaxconn
        sock.listen(1 << 16)
    except OSError as error:
        sock.close()
        raise _refusal(address, port, "bind", error) from error
    return sock


def _refusal(address: str, port: int, step: str, error: OSError) -> NetworkError:
    where = f"listen tcp6 [{address}]" if ":" in address else f"listen tcp4 {address}"
    reason = os.strerror(error.errno or errno.EIO)
    text = f"{where}:{port}: {step}: {reason[0].lower()}{reason[1:]}"
    if error.errno == errno.EADDRINUSE:
        return _Taken(f"Error starting userland proxy: {text}")
    if error.errno == errno.EACCES and port < _PRIVILEGED:
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
