"""A relay on loopback, whose containers are servers of the test itself."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from lab.network.bindings import Port, PortBinding
from lab.network.ports import PortRelay, PublishedPort

LIMIT = 20
Serve = Callable[[socket.socket], None]


class Harness:
    """Servers, and the host ports that lead to them."""

    limit = LIMIT

    def __init__(self) -> None:
        self.relay = PortRelay(self.make_socket)
        self.before_socket: Callable[[], None] = lambda: None
        self._servers: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def make_socket(self, kind: str) -> socket.socket:
        assert kind == "tcp"
        self.before_socket()
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def serve(self, handler: Serve) -> int:
        """Start a server that runs `handler` in a thread for each connection; return its port."""
        server = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._servers.append(server)

        def run(client: socket.socket) -> None:
            with client, suppress(OSError):
                handler(client)

        def accept() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                client.settimeout(LIMIT)
                thread = threading.Thread(target=run, args=(client,))
                self._threads.append(thread)
                thread.start()

        thread = threading.Thread(target=accept)
        self._threads.append(thread)
        thread.start()
        return int(server.getsockname()[1])

    def publish(self, target_port: int, host_ip: str = "127.0.0.1") -> PublishedPort:
        """Publish a server at any host port."""
        binding = PortBinding(Port(target_port), host_ip)
        return self.relay.publish(binding, "127.0.0.1", "web (1234)")[0]

    def published(self, handler: Serve) -> PublishedPort:
        """Serve, and publish the server."""
        return self.publish(self.serve(handler))

    def connect(self, port: PublishedPort) -> socket.socket:
        return socket.create_connection((port.host_ip, port.host_port), LIMIT)

    @staticmethod
    def until(condition: Callable[[], bool], what: str) -> None:
        """Wait until `condition` holds; fail after a limit."""
        end = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < end, f"waited in vain: {what}"
            time.sleep(0.002)

    @staticmethod
    def open_fds() -> int:
        """Return how many descriptors this process has open."""
        return len(os.listdir("/proc/self/fd"))

    def close(self) -> None:
        self.relay.close()
        for server in self._servers:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
        for thread in self._threads:
            thread.join(LIMIT)
            assert not thread.is_alive()


@pytest.fixture
def harness() -> Iterator[Harness]:
    """A relay; afterwards all that it and its servers opened must be closed again."""
    before = Harness.open_fds()
    it = Harness()
    yield it
    it.close()
    it.until(lambda: it.open_fds() <= before, "descriptors are closed")
