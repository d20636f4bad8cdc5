"""One thread that carries UDP: for each client a socket of its own towards the server.

A client is forgotten when it has been silent for a while, or when too many others have come.
Source: moby, docker-proxy's UDP proxy (the time).
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol

SILENCE = 90.0
"""Seconds after which a client is forgotten, as with docker-proxy."""

MOST_CLIENTS = 512
"""How many one port serves at a time; the one that was silent for the longest time goes first."""

_BURST = 64
"""How many datagrams of one socket are taken before others get their turn."""
_SWEEP = 10.0
_LARGEST = 65535

_log = logging.getLogger(__name__)


class Port(Protocol):
    """Where clients' datagrams come in.  `socket` does not block; `close` closes it."""

    @property
    def socket(self) -> socket.socket: ...

    def receive(self) -> tuple[Hashable, bytes] | None:
        """Return who sent what; None for what is to be passed over.  BlockingIOError if nothing."""

    def dial(self, client: Hashable) -> Upstream | None:
        """Return a way to the server for a new client; None, or OSError, if there is none."""

    def answer(self, client: Hashable, data: bytes) -> None:
        """Send what the server says to the client.  May raise OSError."""

    def close(self) -> None: ...


class Upstream:
    """A socket towards a server: connected, or for a server that answers from other addresses."""

    __slots__ = ("_on_close", "_target", "socket")

    def __init__(
        self,
        sock: socket.socket,
        target: tuple[str, int],
        connected: bool = True,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        sock.setblocking(False)
        self.socket = sock
        self._target = target
        self._on_close = on_close
        if connected:
            sock.connect(target)
            self._target = ("", 0)

    def send(self, data: bytes) -> None:
        if self._target[1]:
            self.socket.sendto(data, self._target)
        else:
            self.socket.send(data)

    def receive(self) -> bytes | None:
        """Return a datagram of the server's; None for one of somebody else's."""
        data, sender = self.socket.recvfrom(_LARGEST)
        return None if self._target[1] and sender[1] != self._target[1] else data

    def close(self) -> None:
        self.socket.close()
        if self._on_close is not None:
            self._on_close()


@dataclass(slots=True, eq=False)
class _Session:
    port: Port
    client: Hashable
    upstream: Upstream
    latest: float


class Datagrams:
    """Runs until `close`; its methods may be called from any thread."""

    def __init__(self, silence: float = SILENCE, most: int = MOST_CLIENTS) -> None:
        self._silence = silence
        self._most = most
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._lock = threading.Lock()
        self._ports: dict[int, Port] = {}
        self._sessions: dict[int, _Session] = {}
        self._clients: dict[Port, dict[Hashable, _Session]] = {}
        self._running = True
        self._thread = threading.Thread(target=self._run, name="datagrams", daemon=True)
        self._thread.start()

    def add(self, port: Port) -> None:
        """Begin to serve a port, which from now on belongs to this."""
        with self._lock:
            self._ports[port.socket.fileno()] = port
            self._clients[port] = {}
            self._epoll.register(port.socket, select.EPOLLIN)

    def remove(self, port: Port) -> None:
        """Close a port and forget its clients; one that is closed already is no error."""
        with self._lock:
            self._remove(port)

    def close(self) -> None:
        """Close everything and end the thread; a second call does nothing."""
        with self._lock:
            if not self._running:
                return
            self._running = False
            os.eventfd_write(self._wake, 1)
        self._thread.join()
        for port in list(self._clients):
            self._remove(port)
        self._epoll.close()
        os.close(self._wake)

    def _run(self) -> None:
        swept = time.monotonic()
        while self._running:
            events = self._epoll.poll(_SWEEP if self._sessions else None)
            with self._lock:
                for fd, _ in events:
                    self._dispatch(fd)
                if time.monotonic() - swept > _SWEEP:
                    swept = time.monotonic()
                    self._sweep(swept - self._silence)

    def _dispatch(self, fd: int) -> None:
        try:
            if fd in self._ports:
                self._from_clients(self._ports[fd])
            elif fd in self._sessions:
                self._from_server(self._sessions[fd])
        except Exception:
            # one datagram's trouble must not end the service of all
            _log.exception("a datagram could not be carried")

    def _from_clients(self, port: Port) -> None:
        for _ in range(_BURST):
            try:
                received = port.receive()
            except OSError:
                return
            if received is None:
                continue
            client, data = received
            session = self._clients[port].get(client) or self._open(port, client)
            if session is not None:
                session.latest = time.monotonic()
                # the error of an earlier one, or no room: datagrams may be lost
                with contextlib.suppress(OSError):
                    session.upstream.send(data)

    def _from_server(self, session: _Session) -> None:
        for _ in range(_BURST):
            try:
                data = session.upstream.receive()
            except BlockingIOError:
                return
            except OSError:
                continue
            if data is not None:
                session.latest = time.monotonic()
                with contextlib.suppress(OSError):
                    session.port.answer(session.client, data)

    def _open(self, port: Port, client: Hashable) -> _Session | None:
        clients = self._clients[port]
        if len(clients) >= self._most:
            self._end(min(clients.values(), key=lambda each: each.latest))
        try:
            upstream = port.dial(client)
        except Exception as error:
            _log.warning("no socket to carry datagrams with: %s", error)
            return None
        if upstream is None:
            return None
        session = _Session(port, client, upstream, time.monotonic())
        clients[client] = self._sessions[upstream.socket.fileno()] = session
        self._epoll.register(upstream.socket, select.EPOLLIN)
        return session

    def _sweep(self, limit: float) -> None:
        for session in list(self._sessions.values()):
            if session.latest < limit:
                self._end(session)

    def _remove(self, port: Port) -> None:
        clients = self._clients.get(port)
        if clients is None:
            return
        for session in list(clients.values()):
            self._end(session)
        del self._clients[port], self._ports[port.socket.fileno()]
        self._epoll.unregister(port.socket)
        port.close()

    def _end(self, session: _Session) -> None:
        fd = session.upstream.socket.fileno()
        # the spawner may still hold a copy of the socket, so closing would not be enough
        self._epoll.unregister(fd)
        del self._sessions[fd], self._clients[session.port][session.client]
        session.upstream.close()
