"""A client that asks the embedded DNS over TCP, one question after the other."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import time
from collections.abc import Callable

from lab.network import dns
from lab.network.forward import cut

SILENCE_SECONDS = 10.0
"""How long a client may say nothing."""

_MOST_UNSENT = 1 << 18

Ask = Callable[[dns.Query, bytes, Callable[[bytes], None]], None]
"""Answers a question: given the query, the message, and what to call with the answer."""


class Conversation:
    """One connection.  Works in the resolver's thread; `ended(self)` is called once."""

    def __init__(
        self,
        sock: socket.socket,
        selector: selectors.BaseSelector,
        ask: Ask,
        ended: Callable[[Conversation], None],
    ) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._selector = selector
        self._ask = ask
        self._ended = ended
        self._received = b""
        self._unsent = b""
        self._open = True
        self.deadline = time.monotonic() + SILENCE_SECONDS
        """When to `close` a connection on which nothing happens."""
        selector.register(sock, selectors.EVENT_READ, self._on_ready)

    def close(self) -> None:
        """Hang up."""
        if self._open:
            self._open = False
            self._selector.unregister(self._socket)
            self._socket.close()
            self._ended(self)

    def _on_ready(self, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._send()
            if events & selectors.EVENT_READ and self._open:
                self._receive()
        except BlockingIOError:
            return
        except OSError:
            self.close()

    def _receive(self) -> None:
        data = self._socket.recv(dns.LARGEST)
        if not data:
            self.close()
            return
        self.deadline = time.monotonic() + SILENCE_SECONDS
        self._received += data
        while self._open:
            message, self._received = cut(self._received)
            if message is None:
                return
            query = dns.parse(message)
            if query is None:
                self.close()
                return
            self._ask(query, message, self._reply)

    def _reply(self, answer: bytes) -> None:
        if not self._open:
            return
        self._unsent += struct.pack(">H", len(answer)) + answer
        if len(self._unsent) > _MOST_UNSENT:
            # it asks and does not listen
            self.close()
            return
        try:
            self._send()
        except OSError:
            self.close()

    def _send(self) -> None:
        if self._unsent:
            with contextlib.suppress(BlockingIOError):
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        self._selector.modify(self._socket, wanted, self._on_ready)
