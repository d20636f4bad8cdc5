"""A socket bound to a port of this machine, as a program that publishes the port binds it."""

from __future__ import annotations

import socket


def bound(address: str, port: int, protocol: str) -> socket.socket:
    """Return a socket that is bound and does not listen; `protocol` is `tcp` or `udp`.

    An IPv6 address is bound for IPv6 alone, so that the same port can have both.  Raises OSError.
    Source: bind(2), ipv6(7) IPV6_V6ONLY.
    """
    is_ipv6 = ":" in address
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    sock = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, kind)
    try:
        if protocol == "tcp":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
    except (OSError, TypeError, OverflowError):
        sock.close()
        raise
    return sock
