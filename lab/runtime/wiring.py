"""What the spawner's children do in network namespaces: plug containers in, make sockets there.

Source: network_namespaces(7), setns(2).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

from lab.kernel import channel, syscalls, veth
from lab.kernel.flags import CLONE

_RESOLVER = ("127.0.0.11", 53)
"""Where containers look for the embedded DNS; Docker's address."""

_BACKLOG = 64


def connect(endpoints: list[dict[str, Any]], pid: int, names: int | None) -> None:
    """Plug the container whose init is `pid` in, by the JSON forms of its Endpoints.

    `names` is a channel that the sockets of its embedded DNS are sent to, or None.
    """
    fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        for endpoint in endpoints:
            veth.attach(endpoint, fd)
        if not endpoints:
            veth.isolate(fd)
        if names is not None:
            with _entered(fd), contextlib.ExitStack() as stack:
                _send(names, _resolver_sockets(stack))
    finally:
        os.close(fd)


def look_inside(fds: list[int], names: bool) -> int:
    """Fork a child that sends what is asked for, or its error; return its pid.

    `fds` are a pidfd of a container's init, and the channel for the answer: the network
    namespace, a netlink socket in it, and with `names` the sockets of the embedded DNS.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        _answer(fds[0], fds[1], names)
    finally:
        os._exit(0)


def _answer(target: int, answer: int, names: bool) -> None:
    with socket.socket(fileno=answer) as connection, contextlib.ExitStack() as stack:
        try:
            syscalls.setns(target, CLONE.NEWNET)
            # /proc/self is this process's own: it has one thread
            namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, namespace)
            kind = socket.AF_NETLINK, socket.SOCK_RAW
            found = [namespace, stack.enter_context(socket.socket(*kind)).fileno()]
            if names:
                found += _resolver_sockets(stack)
        except OSError as error:
            channel.send(connection, {"error": error.strerror or str(error)})
        else:
            channel.send(connection, {}, found)


@contextlib.contextmanager
def _entered(namespace: int) -> Iterator[None]:
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(namespace, CLONE.NEWNET)
        try:
            yield
        finally:
            syscalls.setns(own, CLONE.NEWNET)
    finally:
        os.close(own)


def _resolver_sockets(stack: contextlib.ExitStack) -> list[int]:
    """Return a UDP and a listening TCP socket at the address of the embedded DNS."""
    found = []
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        sock = stack.enter_context(socket.socket(socket.AF_INET, kind))
        # a name server of the container's own may listen beside it, if it allows that, too
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(_RESOLVER)
        if kind == socket.SOCK_STREAM:
            sock.listen(_BACKLOG)
        found.append(sock.fileno())
    return found


def _send(target: int, fds: list[int]) -> None:
    with socket.socket(fileno=os.dup(target)) as connection:
        channel.send(connection, {}, fds)
