"""Connections to an engine that are not what a well-behaved client makes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from lab.sandbox.process import EngineProcess
from tests.integration import host


def connect(engine: EngineProcess, request: str, body: bytes = b"") -> socket.socket:
    """Send a request (`GET /x`) and return the connection, whose answer has not been read."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(str(engine.socket))
    kind = "Content-Type: application/json\r\n" if body else ""
    head = f"{request} HTTP/1.1\r\nHost: x\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def answer_of(connection: socket.socket) -> bytes:
    """Read an answer's head; return what came after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        assert more, f"the connection ended: {data!r}"
        data += more
    return data.partition(b"\r\n\r\n")[2]


def rest_of(connection: socket.socket) -> bytes:
    """Read to the end of a connection."""
    data = b""
    while more := connection.recv(65536):
        data += more
    return data


def without_frames(data: bytes) -> bytes:
    """Return the contents of frames, of both streams."""
    contents = b""
    while data:
        length = int.from_bytes(data[4:8], "big")
        contents += data[8 : 8 + length]
        data = data[8 + length :]
    return contents


def daemon_of(engine: EngineProcess) -> int:
    """Return the pid of an engine's daemon."""
    for pid, command in host.commands(host.descendants(engine.process.pid)).items():
        if "from lab.daemon import" in command and "lab.runtime.spawner" not in command:
            return pid
    host.require_one_kernel(engine)
    raise AssertionError("no daemon")


def files_of(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def pipes_of(pid: int) -> int:
    """Return how many of them are pipes."""
    folder = Path(f"/proc/{pid}/fd")
    return sum(os.readlink(path).startswith("pipe:") for path in folder.iterdir())


def threads_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
