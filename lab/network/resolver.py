"""The embedded DNS: one thread that answers at 127.0.0.11 in every container that has it.

Containers find each other by name there; other questions go to the host's name servers.  The
sockets belong to the containers' network namespaces: whoever sets a container up makes them and
sends them here.  Source: moby, libnetwork/resolver.go.
"""

from __future__ import annotations

import contextlib
import errno
import random
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lab.kernel import channel
from lab.network import dns
from lab.network.forward import Forward, Server, SocketFactory
from lab.network.loop import PAUSE, Loop
from lab.network.names import NameTable
from lab.network.questions import Conversation

_MOST_FORWARDS = 100
"""How many questions of one container may be on their way at once; more are refused."""
_MOST_CONVERSATIONS = 100
"""How many TCP connections one container may have; more are closed."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(slots=True)
class Client:
    """A container that asks: which servers know the rest, and whether it may ask them at all.

    Without `servers`, those of the host serve.
    """

    key: str
    servers: Sequence[Server] = ()
    outside: bool = True
    sockets: list[socket.socket] = field(default_factory=list)
    conversations: set[Conversation] = field(default_factory=set)
    forwards: int = 0


class Resolver:
    """Serves until `close`.  Its methods may be called from any thread but its own."""

    def __init__(
        self,
        names: NameTable,
        host_servers: Callable[[], Sequence[str]],
        make_inside: SocketFactory,
    ) -> None:
        self._names = names
        self._host_servers = host_servers
        self._make_inside = make_inside
        self._clients: dict[str, Client] = {}
        self._forwards: set[Forward] = set()
        self._loop = Loop("dns", self._patience, self._expire)
        self._selector = self._loop.selector

    def expect(
        self, key: str, source: socket.socket, servers: Sequence[Server], outside: bool
    ) -> None:
        """Serve the container `key` as soon as its sockets arrive at `source`, a channel.

        They are, in one message, a UDP socket and a listening TCP socket.
        """
        client = Client(key, servers, outside, [source])
        self._loop.call(lambda: self._expect(client, source))

    def update(self, key: str, servers: Sequence[Server], outside: bool) -> None:
        """Change whom questions of a container go to; one that is not served is no error."""

        def change() -> None:
            if client := self._clients.get(key):
                client.servers, client.outside = servers, outside

        self._loop.call(change)

    def drop(self, key: str) -> None:
        """Close a container's sockets; one that is not served is no error."""
        if key in self._clients:
            self._loop.call(lambda: self._drop(key))

    def close(self) -> None:
        """Close everything, and end the thread."""
        self._loop.close(self._end)

    # --- the thread

    def _patience(self) -> float | None:
        deadlines = [forward.deadline for forward in self._forwards]
        for client in self._clients.values():
            deadlines += [each.deadline for each in client.conversations]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _expire(self) -> None:
        now = time.monotonic()
        for forward in [each for each in self._forwards if each.deadline <= now]:
            forward.expire()
        for client in self._clients.values():
            for each in [each for each in client.conversations if each.deadline <= now]:
                each.close()

    def _end(self) -> None:
        for key in list(self._clients):
            self._drop(key)
        for forward in self._forwards:
            forward.cancel()
        self._forwards.clear()

    # --- containers

    def _expect(self, client: Client, source: socket.socket) -> None:
        self._drop(client.key)
        self._clients[client.key] = client
        self._register(source, lambda _: self._adopt(client, source))

    def _adopt(self, client: Client, source: socket.socket) -> None:
        """Take a container's sockets, or note that its set-up failed."""
        self._forget(client, source)
        received = None
        with contextlib.suppress(OSError, ValueError):
            received = channel.receive(source)
        source.close()
        if received is None or len(received[1]) != 2:
            channel.close_all(received[1] if received else [])
            return
        datagrams, listener = (socket.socket(fileno=fd) for fd in received[1])
        client.sockets += [datagrams, listener]
        self._register(datagrams, lambda _: self._on_datagram(client, datagrams))
        self._register(listener, lambda _: self._on_connection(client, listener))

    def _register(self, sock: socket.socket, ready: Callable[[int], None]) -> None:
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ, ready)

    def _forget(self, client: Client, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        client.sockets.remove(sock)

    def _drop(self, key: str) -> None:
        client = self._clients.pop(key, None)
        if client is None:
            return
        for conversation in list(client.conversations):
            conversation.close()
        for sock in list(client.sockets):
            self._forget(client, sock)
            sock.close()

    # --- questions

    def _on_datagram(self, client: Client, sock: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            data, address = sock.recvfrom(dns.LARGEST)
            query = dns.parse(data)
            if query is None:
                return

            def reply(answer: bytes) -> None:
                # the container may have ended meanwhile, and its socket with it
                with contextlib.suppress(OSError):
                    sock.sendto(dns.fitting(query, answer), address)

            self._answer(client, query, data, False, reply)

    def _on_connection(self, client: Client, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                time.sleep(PAUSE)
            return
        if len(client.conversations) >= _MOST_CONVERSATIONS:
            sock.close()
        else:
            conversation = Conversation(
                sock,
                self._selector,
                lambda query, data, reply: self._answer(client, query, data, True, reply),
                client.conversations.discard,
            )
            client.conversations.add(conversation)

    def _answer(
        self,
        client: Client,
        query: dns.Query,
        data: bytes,
        stream: bool,
        reply: Callable[[bytes], None],
    ) -> None:
        known = self._own(client, query)
        if known is not None:
            reply(known)
            return
        servers = self._servers_of(client)
        if client.forwards >= _MOST_FORWARDS:
            reply(dns.without_content(query, dns.REFUSED))
            return

        def done(answer: bytes | None) -> None:
            self._forwards.discard(forward)
            client.forwards -= 1
            reply(answer or dns.without_content(query, dns.SERVER_FAILURE))

        forward = Forward(self._selector, self._make_inside, query, data, stream, servers, done)
        self._forwards.add(forward)
        client.forwards += 1
        forward.start()

    def _own(self, client: Client, query: dns.Query) -> bytes | None:
        """Return the answer that the networks of a container give; None if they do not know."""
        if query.type in (dns.A, dns.AAAA, dns.MX):
            found = self._names.resolve(client.key, query.name)
            if not found:
                return None
            random.shuffle(found)
            if query.type == dns.A:
                return dns.with_addresses(query, [each.address for each in found])
            sixes = [each.address6 for each in found if each.address6]
            return dns.with_addresses(query, sixes if query.type == dns.AAAA else ())
        if address := query.address:
            name = self._names.name_of(client.key, address)
            return dns.with_name(query, name) if name else None
        return None

    def _servers_of(self, client: Client) -> Sequence[Server]:
        """Return whom a container's question goes to.

        One without a way out only reaches servers in networks of its own.
        """
        chosen = client.servers or [Server(address) for address in self._host_servers()]
        return [each for each in chosen if each.inside or client.outside]
