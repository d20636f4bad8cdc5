"""Ports below 1024: refused to a normal user, unless someone who may binds them."""

from __future__ import annotations

import errno
import os
import signal
import socket
import traceback
from collections.abc import Callable

import pytest

from lab.errors import LabError, NetworkError
from lab.network.hostports import HostPorts

from .test_ports import LIMIT


class Launcher:
    """Someone who may bind any port; here it hands out one that is free."""

    def __init__(self, refusal: int = 0) -> None:
        self.refusal = refusal
        self.asked: list[tuple[str, int, str]] = []

    def bind(self, address: str, port: int, protocol: str) -> socket.socket:
        self.asked.append((address, port, protocol))
        if self.refusal:
            raise OSError(self.refusal, os.strerror(self.refusal))
        sock = socket.socket()
        sock.bind((address, 0))
        return sock


def as_nobody(function: Callable[[], None]) -> str:
    """Run `function` in a forked process without privileges; return its traceback, if any."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(LIMIT)
        trace = ""
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            function()
        except BaseException:
            trace = traceback.format_exc()
        os.write(writer, trace.encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as file:
        trace = file.read()
    os.waitpid(pid, 0)
    return trace


def low_ports_are_refused() -> bool:
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        return int(file.read()) > 80


def test_a_privileged_port() -> None:
    """Is a port below 1024 refused with what to do instead, and nothing kept?"""

    def attempt() -> None:
        if not low_ports_are_refused():
            return
        with pytest.raises(LabError) as caught:
            HostPorts().bind(["127.0.0.1"], 80, 80)
        assert caught.value.message == (
            "Error starting userland proxy: cannot expose privileged port 80, you can add "
            "'net.ipv4.ip_unprivileged_port_start=80' to /etc/sysctl.conf (currently 1024), or "
            "choose a larger port number (>= 1024): "
            "listen tcp4 127.0.0.1:80: bind: permission denied"
        )
        assert "-p 8080:" in caught.value.hint

    assert as_nobody(attempt) == ""


@pytest.mark.parametrize("code", [0, errno.EADDRINUSE, errno.EACCES])
def test_a_privileged_port_that_the_launcher_binds(code: int) -> None:
    """Is the launcher asked for it, what it binds listened at, and its own refusal told?"""
    words = {errno.EADDRINUSE: "address already in use", errno.EACCES: "permission denied"}

    def attempt() -> None:
        if not low_ports_are_refused():
            return
        launcher = Launcher(code)
        ports = HostPorts(privileged=launcher)
        if code:
            with pytest.raises(NetworkError, match=f"127.0.0.1:80: bind: {words[code]}"):
                ports.bind(["127.0.0.1"], 80, 80)
        else:
            number, (sock,) = ports.bind(["127.0.0.1"], 80, 80)
            assert number == 80
            with sock, socket.create_connection(sock.getsockname(), LIMIT):
                sock.accept()[0].close()
        assert launcher.asked == [("127.0.0.1", 80, "tcp")]

    assert as_nobody(attempt) == ""
