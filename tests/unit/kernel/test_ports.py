"""Sockets that are bound to ports of this machine."""

from __future__ import annotations

import errno
import socket

import pytest

from lab.kernel import ports


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_one_port_once(protocol: str) -> None:
    """Is a socket bound where it was asked for, and a second one refused with the reason?"""
    with ports.bound("127.0.0.1", 0, protocol) as first:
        port = first.getsockname()[1]
        if protocol == "tcp":
            first.listen()
        with pytest.raises(OSError) as refused:
            ports.bound("127.0.0.1", port, protocol)
        assert refused.value.errno == errno.EADDRINUSE


def test_both_families() -> None:
    """Can one port be bound for IPv4 and for IPv6, as Docker does for 0.0.0.0 and [::]?"""
    with ports.bound("0.0.0.0", 0, "tcp") as first:
        port = first.getsockname()[1]
        first.listen()
        try:
            second = ports.bound("::", port, "tcp")
        except OSError as error:
            if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                pytest.skip("no IPv6 here")
            raise
        with second:
            assert second.family == socket.AF_INET6
            second.listen()


@pytest.mark.parametrize(("port", "error"), [(1 << 17, OverflowError), ("80", TypeError)])
def test_what_is_no_port(port: object, error: type[Exception]) -> None:
    """Is nonsense from the other end of a channel refused, with nothing left open?"""
    with pytest.raises(error):
        ports.bound("127.0.0.1", port, "tcp")  # type: ignore[arg-type]
