"""One thread that serves all published ports: it accepts, connects to the container, and splices.

Everything that the thread works with belongs to it alone; other threads hand it functions to run.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial

from lab.errors import Unavailable
from lab.network.pipes import PipePool
from lab.network.splice import EXHAUSTED, Connection, Progress, hang_up

SocketFactory = Callable[[str], socket.socket]
"""Makes a socket of a kind (`tcp`) in the sandbox's network namespace; may raise."""

_ACCEPTS = 64
"""How many connections of one listener are accepted before others get their turn."""
_PAUSE = 0.1
"""Seconds without accepting when the process has no descriptor left."""
_KEEPALIVE = 15
"""Seconds of silence, and between probes, after which a dead peer is looked for, as docker-proxy."""
_EVENTS = select.EPOLLIN | select.EPOLLPRI | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET

_log = logging.getLogger(__name__)


class Listener:
    """A listening socket of the host, and where its connections lead: (address, port)."""

    __slots__ = ("connections", "socket", "target")

    def __init__(self, sock: socket.socket, target: tuple[str, int]) -> None:
        sock.setblocking(False)
        # accepted sockets inherit these
        tune(sock)
        self.socket = sock
        self.target = target
        self.connections: set[Connection] = set()

    def dial(self, client: socket.socket, sandbox_socket: SocketFactory) -> socket.socket:
        """Return a socket that is being connected, or is, to where this client's bytes go.

        Raises OSError if it cannot be reached, anything else if there is no socket to be had.
        """
        upstream = sandbox_socket("tcp")
        begin(upstream, self.target)
        return upstream


class Relay:
    """Runs until `close`.  Its methods may be called from any thread but its own."""

    def __init__(self, sandbox_socket: SocketFactory) -> None:
        self._sandbox_socket = sandbox_socket
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._pipes = PipePool()
        self._listeners: dict[int, Listener] = {}
        self._connections: dict[int, tuple[Connection, Listener]] = {}
        self._ready: set[Connection] = set()
        self._starved: set[Connection] = set()
        self._dead: list[Connection] = []
        self._paused_until = 0.0
        self._running = True
        self._calls: deque[tuple[Callable[[], None], Future[None]]] = deque()
        self._calls_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="port relay", daemon=True)
        self._thread.start()

    def add(self, listeners: Iterable[Listener]) -> None:
        """Begin to serve listening sockets, which from now on belong to the relay."""
        self._call(partial(self._add, tuple(listeners)))

    def remove(self, listeners: Iterable[Listener]) -> None:
        """Close listening sockets and every connection that came by them."""
        try:
            self._call(partial(self._remove, tuple(listeners)))
        except Unavailable:
            return  # `close` has done it

    def close(self) -> None:
        """Close everything and end the thread; a second call does nothing."""
        try:
            self._call(self._stop)
        except Unavailable:
            return
        self._thread.join()

    def _call(self, function: Callable[[], None]) -> None:
        done: Future[None] = Future()
        with self._calls_lock:
            if not self._running:
                raise Unavailable("the relay of published ports is closed")
            self._calls.append((function, done))
            os.eventfd_write(self._wake, 1)
        done.result()

    def _run(self) -> None:
        while self._running:
            try:
                self._turn()
            except Exception as error:
                # every published port lives by this thread
                _log.warning("published ports: %s", error)
        self._epoll.close()
        os.close(self._wake)
        self._pipes.close()

    def _turn(self) -> None:
        for fd, events in self._epoll.poll(self._timeout()):
            self._dispatch(fd, events)
        if self._ready or self._starved or self._paused_until:
            self._continue()
        self._bury()

    def _timeout(self) -> float | None:
        if self._ready:
            return 0
        return _PAUSE if self._starved or self._paused_until else None

    def _dispatch(self, fd: int, events: int) -> None:
        if fd in self._connections:
            self._advance(self._connections[fd][0], fd, events)
        elif fd in self._listeners:
            self._accept(self._listeners[fd])
        elif fd == self._wake:
            self._run_calls()

    def _run_calls(self) -> None:
        os.eventfd_read(self._wake)
        while self._calls:
            function, done = self._calls.popleft()
            try:
                function()
                done.set_result(None)
            except Exception as error:
                done.set_exception(error)

    def _advance(self, connection: Connection, fd: int = -1, events: int = 0) -> None:
        """Go on with a connection, because of `events` or because it may have another turn."""
        try:
            if events:
                progress = connection.on_event(fd, events, self._pipes)
            else:
                progress = connection.resume(self._pipes)
        except Exception:
            # one connection's trouble must not end the service of all
            _log.exception("a connection to a published port failed")
            progress = Progress.DONE
        if progress is Progress.WAITING:
            return
        if progress is Progress.DONE:
            self._drop(connection)
        elif progress is Progress.MORE:
            self._ready.add(connection)
        elif progress is Progress.STARVED:
            self._starved.add(connection)

    def _continue(self) -> None:
        """Give those a turn that wait for no event."""
        if self._paused_until and time.monotonic() >= self._paused_until:
            self._paused_until = 0.0
            self._watch_listeners(select.EPOLLIN)
        waiting = [*self._ready, *self._starved]
        self._ready.clear()
        self._starved.clear()
        for connection in waiting:
            if not connection.closed:
                self._advance(connection)

    def _add(self, listeners: Iterable[Listener]) -> None:
        for listener in listeners:
            fd = listener.socket.fileno()
            self._listeners[fd] = listener
            self._epoll.register(fd, select.EPOLLIN)

    def _remove(self, listeners: Iterable[Listener]) -> None:
        for listener in listeners:
            fd = listener.socket.fileno()
            if self._listeners.pop(fd, None):
                self._epoll.unregister(fd)
                listener.socket.close()
            for connection in list(listener.connections):
                self._drop(connection)
        self._bury()

    def _stop(self) -> None:
        with self._calls_lock:
            self._running = False
        self._remove(list(self._listeners.values()))

    def _accept(self, listener: Listener) -> None:
        for _ in range(_ACCEPTS):
            try:
                client, _ = listener.socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._pause()
                    return
                continue  # that client has gone again
            self._open(client, listener)

    def _open(self, client: socket.socket, listener: Listener) -> None:
        client.setblocking(False)
        try:
            upstream = listener.dial(client, self._sandbox_socket)
        except Exception as error:
            if not isinstance(error, OSError) or error.errno in EXHAUSTED:
                _log.warning("no socket to serve a connection with: %s", error)
            hang_up(client, reset=True)
            return
        try:
            self._watch(Connection(client, upstream), listener)
        except OSError:
            hang_up(client, reset=True)
            hang_up(upstream, reset=True)

    def _watch(self, connection: Connection, listener: Listener) -> None:
        fds = connection.client.fileno(), connection.upstream.fileno()
        for fd in fds:
            self._epoll.register(fd, _EVENTS)
        for fd in fds:
            self._connections[fd] = connection, listener
        listener.connections.add(connection)

    def _drop(self, connection: Connection) -> None:
        """Forget a connection; its sockets stay open until no event in hand can mean them."""
        if connection.closed:
            return
        connection.closed = True
        for sock in (connection.client, connection.upstream):
            # the spawner may still hold a copy of the socket, so closing would not be enough
            self._epoll.unregister(sock.fileno())
            _, listener = self._connections.pop(sock.fileno())
        listener.connections.discard(connection)
        self._dead.append(connection)

    def _bury(self) -> None:
        while self._dead:
            self._dead.pop().close(self._pipes)

    def _pause(self) -> None:
        """Stop accepting for a while: the listeners would stay readable, and the thread spin."""
        self._paused_until = time.monotonic() + _PAUSE
        self._watch_listeners(0)

    def _watch_listeners(self, events: int) -> None:
        for fd in self._listeners:
            self._epoll.modify(fd, events)


def begin(sock: socket.socket, target: tuple[str, int]) -> None:
    """Begin to connect a socket, without waiting.  Raises OSError, and then it is closed."""
    try:
        sock.setblocking(False)
        tune(sock)
        code = sock.connect_ex(target)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
    except OSError:
        hang_up(sock, reset=True)
        raise


def tune(sock: socket.socket) -> None:
    """Send small pieces at once, and find out about peers that vanished."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE)
