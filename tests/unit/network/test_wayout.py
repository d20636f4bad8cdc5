"""The way out where the kernel refuses a part of it: said, and nothing left open."""

from __future__ import annotations

import errno
import os
import socket
from ipaddress import IPv4Address, IPv4Network

import pytest

from lab.engine.wayout import warnings
from lab.errors import SyscallError
from lab.network.destinations import Destinations
from lab.network.rules import Segment
from lab.network.wayout import WayOut

SEGMENT = Segment("docker0", IPv4Network("172.17.0.0/16"), IPv4Address("172.17.0.1"))


class Kernel:
    """A sandbox whose kernel refuses some kinds of sockets."""

    def __init__(self, *refused: str) -> None:
        self._refused = refused

    def socket(self, kind: str) -> socket.socket:
        if kind in self._refused:
            raise SyscallError(errno.EPROTONOSUPPORT, f"socket({kind})")
        return socket.socket()


@pytest.mark.parametrize("kind", ["tcp", "netfilter"])
def test_refused(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Is it told why there is no way out, and may networks be made all the same?"""
    before = len(os.listdir("/proc/self/fd"))
    out = WayOut(Kernel(kind).socket, Destinations())
    out.open()
    assert f"socket({kind})" in out.refusal
    assert warnings(out) == [f"WARNING: containers have no way out to the internet: {out.refusal}"]
    out.show([SEGMENT])
    out.close()
    assert len(os.listdir("/proc/self/fd")) == before
