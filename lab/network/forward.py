"""A question that is passed on to the name servers outside, one after the other.

Works in the resolver's thread (lab.network.resolver), and never blocks it.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lab.errors import LabError
from lab.network import dns

SERVER_SECONDS = 2.0
"""How long one server has to answer."""
TOTAL_SECONDS = 4.0
"""How long all of them have: clients give up after five."""

_PORT = 53
_FAILURES = (dns.SERVER_FAILURE, dns.REFUSED)

SocketFactory = Callable[[str], socket.socket]


@dataclass(frozen=True, slots=True)
class Server:
    """A name server; one that is `inside` is in a network of the sandbox, not of the host."""

    address: str
    inside: bool = False
    port: int = _PORT


class Forward:
    """One question on its way.  `done(answer)` is called once, with None if nobody answers."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        make_inside: SocketFactory,
        query: dns.Query,
        data: bytes,
        stream: bool,
        servers: Iterable[Server],
        done: Callable[[bytes | None], None],
    ) -> None:
        """`data` is the message as it came; `stream` asks over TCP, as the client did."""
        self._selector = selector
        self._make_inside = make_inside
        self._query = query
        self._data = struct.pack(">H", len(data)) + data if stream else data
        self._stream = stream
        self._servers: Iterator[Server] = iter(tuple(servers))
        self._done = done
        self._socket: socket.socket | None = None
        self._unsent = b""
        self._received = b""
        self._end = time.monotonic() + TOTAL_SECONDS
        self.deadline = self._end
        """When `expire` is to be called."""

    def start(self) -> None:
        """Ask the next server, or give up."""
        self._close()
        now = time.monotonic()
        for server in self._servers:
            if now >= self._end:
                break
            with contextlib.suppress(OSError, LabError):
                self._ask(server)
                self.deadline = min(self._end, now + SERVER_SECONDS)
                return
        self._finish(None)

    def expire(self) -> None:
        """Go on: the present server takes too long."""
        self.start()

    def cancel(self) -> None:
        """End without an answer, because nobody waits for it any more."""
        self._close()

    def _ask(self, server: Server) -> None:
        family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
        if server.inside:
            sock = self._make_inside("tcp" if self._stream else "udp")
        else:
            kind = socket.SOCK_STREAM if self._stream else socket.SOCK_DGRAM
            sock = socket.socket(family, kind)
        try:
            sock.setblocking(False)
            code = sock.connect_ex((server.address, server.port))
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, "connect")
            self._unsent, self._received = self._data, b""
            self._selector.register(sock, selectors.EVENT_WRITE, self._on_ready)
        except BaseException:
            sock.close()
            raise
        self._socket = sock

    def _on_ready(self, events: int) -> None:
        try:
            if self._unsent:
                self._send()
            else:
                self._receive()
        except BlockingIOError:
            return
        except OSError:
            # nobody listens there, or there is no way
            self.start()

    def _send(self) -> None:
        assert self._socket is not None
        self._unsent = self._unsent[self._socket.send(self._unsent) :]
        if not self._unsent:
            self._selector.modify(self._socket, selectors.EVENT_READ, self._on_ready)

    def _receive(self) -> None:
        assert self._socket is not None
        data = self._socket.recv(dns.LARGEST + 2)
        if not self._stream:
            self._check(data)
            return
        if not data:
            self.start()
            return
        self._received += data
        message, _ = cut(self._received)
        if message is not None:
            self._check(message)

    def _check(self, answer: bytes) -> None:
        if not dns.answers(self._query, answer):
            return
        if dns.code_of(answer) in _FAILURES:
            self.start()
            return
        self._finish(answer)

    def _finish(self, answer: bytes | None) -> None:
        self._close()
        self._done(answer)

    def _close(self) -> None:
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None


def cut(received: bytes) -> tuple[bytes | None, bytes]:
    """Return the first message of a stream, None if it is not whole yet, and what follows it."""
    if len(received) < 2:
        return None, received
    (length,) = struct.unpack_from(">H", received)
    if len(received) < 2 + length:
        return None, received
    return received[2 : 2 + length], received[2 + length :]
