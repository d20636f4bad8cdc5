"""How fast a published port is: our relay beside a direct connection and beside docker-proxy.

    python bench/relay.py [--rounds N]

Server, relay and docker-proxy are processes of their own on loopback; this process is the
client.  Ways are measured in turn, round by round, and medians are shown, so that a busy machine
is unfair to all alike.  Client and server are Python, so requests per second are a lower bound;
the ratios are what counts.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab.network.bindings import Port, PortBinding
from lab.network.ports import PortRelay

MEGABYTES = 1024
REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n" + bytes(32)
REQUESTS, CONNECTIONS, NEW_CONNECTIONS = 20_000, 32, 2_000
HOST = "127.0.0.1"
LIMIT = 20
"""Seconds without progress after which the measurement is given up."""


@contextmanager
def child(function: Callable[[], None]) -> Iterator[int]:
    """Run `function` in a forked process until the block is left; give its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    try:
        yield pid
    finally:
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "a process of the measurement has failed"
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def serve_stream(server: socket.socket) -> None:
    """Send MEGABYTES to whoever connects."""
    piece = memoryview(bytes(1 << 20))
    while True:
        client, _ = server.accept()
        # a client that only looks whether we are there leaves early
        with client, suppress(OSError):
            for _ in range(MEGABYTES):
                client.sendall(piece)


def serve_requests(server: socket.socket) -> None:
    """Answer every piece of input with as many bytes."""
    epoll = select.epoll()
    epoll.register(server, select.EPOLLIN)
    clients: dict[int, socket.socket] = {}
    while True:
        for fd, _ in epoll.poll():
            if fd == server.fileno():
                client, _ = server.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()] = client
                epoll.register(client, select.EPOLLIN)
            elif not answer(clients[fd]):
                clients.pop(fd).close()


def answer(client: socket.socket) -> bool:
    """Send back what came; False if the client is gone."""
    try:
        data = client.recv(4096)
        return bool(data) and client.send(data) > 0
    except OSError:
        return False


def measure_stream(port: int) -> float:
    """Return MB/s of one connection."""
    buffer = bytearray(1 << 20)
    start = time.perf_counter()
    with socket.create_connection((HOST, port), LIMIT) as sock:
        total = 0
        while count := sock.recv_into(buffer):
            total += count
    assert total == MEGABYTES << 20
    return total / 1e6 / (time.perf_counter() - start)


def measure_requests(port: int) -> float:
    """Return requests per second over CONNECTIONS connections that stay open."""
    epoll = select.epoll()
    socks = [socket.create_connection((HOST, port), LIMIT) for _ in range(CONNECTIONS)]
    by_fd = {sock.fileno(): sock for sock in socks}
    for sock in socks:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        epoll.register(sock, select.EPOLLIN)
    start = time.perf_counter()
    for sock in socks:
        sock.send(REQUEST)
    done = 0
    while done < REQUESTS:
        for fd, _ in epoll.poll():
            by_fd[fd].recv(4096)
            by_fd[fd].send(REQUEST)
            done += 1
    rate = done / (time.perf_counter() - start)
    epoll.close()
    for sock in socks:
        sock.close()
    return rate


def measure_connections(port: int) -> float:
    """Return connections per second, each with one request."""
    start = time.perf_counter()
    for _ in range(NEW_CONNECTIONS):
        with socket.create_connection((HOST, port), LIMIT) as sock:
            sock.send(REQUEST)
            sock.recv(4096)
    return NEW_CONNECTIONS / (time.perf_counter() - start)


def start_relay(stack: ExitStack, target: int) -> int:
    """Publish `target` by the lab's relay, in a process of its own; return the host port."""
    reader, writer = os.pipe()

    def run() -> None:
        relay = PortRelay(lambda kind: socket.socket())
        (published,) = relay.publish(PortBinding(Port(target), HOST), HOST, "bench (0)")
        os.write(writer, str(published.host_port).encode())
        signal.pause()

    stack.enter_context(child(run))
    return int(os.read(reader, 16))


def start_docker_proxy(stack: ExitStack, target: int) -> int:
    """Publish `target` by docker-proxy; return the host port."""
    with socket.create_server((HOST, 0)) as probe:
        port = int(probe.getsockname()[1])
    program = shutil.which("docker-proxy") or "docker-proxy"
    options = ["-proto", "tcp", "-host-ip", HOST, "-container-ip", HOST]
    ports = ["-host-port", str(port), "-container-port", str(target)]
    # it reports on descriptor 3
    command = ["sh", "-c", 'exec "$@" 3>/dev/null', "sh", program, *options, *ports]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)
    while True:
        try:
            socket.create_connection((HOST, port), LIMIT).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return port


def measure(
    name: str,
    server: Callable[[socket.socket], None],
    client: Callable[[int], float],
    rounds: int,
) -> None:
    """Measure one thing by all ways and print its line of the table."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0), backlog=1024))
        stack.enter_context(child(lambda: server(listener)))
        target = int(listener.getsockname()[1])
        ways = {"direct": target, "relay": start_relay(stack, target)}
        if shutil.which("docker-proxy"):
            ways["docker-proxy"] = start_docker_proxy(stack, target)
        results: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, port in ways.items():
                results[way].append(client(port))
    medians = {way: statistics.median(values) for way, values in results.items()}
    ratios = [
        f"relay/{way} {medians['relay'] / value:.2f}"
        for way, value in medians.items()
        if way != "relay"
    ]
    figures = "  ".join(f"{way} {value:,.0f}" for way, value in medians.items())
    print(f"{name:14} {figures}   {'  '.join(ratios)}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    measure("MB/s", serve_stream, measure_stream, rounds)
    measure("requests/s", serve_requests, measure_requests, rounds)
    measure("connections/s", serve_requests, measure_connections, rounds)


if __name__ == "__main__":
    main()
