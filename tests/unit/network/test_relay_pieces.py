"""Small and large pieces through a published port: both ways of moving them, and between the two."""

from __future__ import annotations

import fcntl
import hashlib
import random
import socket
import threading

import pytest

from lab.network.pipes import CHUNK, SMALL, PipePool

from .conftest import Harness
from .test_relay import echo, read_all


def test_sizes_in_any_order(harness: Harness) -> None:
    """Do pieces on both sides of the limit come back as they were, one after the other?"""
    sizes = [1, SMALL - 1, SMALL, SMALL + 1, 5, 1 << 20, 7, SMALL * 2, 1 << 17, 1, 1]
    with harness.connect(harness.published(echo)) as client:
        for size in sizes:
            piece = random.randbytes(size)
            sender = threading.Thread(target=client.sendall, args=(piece,))
            sender.start()
            got = b""
            while len(got) < size:
                more = client.recv(size - len(got))
                assert more, f"the end came after {len(got)} of {size} bytes"
                got += more
            sender.join(harness.limit)
            assert got == piece


def test_small_pieces_for_a_reader_that_waits(harness: Harness) -> None:
    """Is nothing lost or doubled of small pieces when the reader does not read for a while?"""
    may_read = threading.Event()
    arrived: list[bytes] = []

    def server(client: socket.socket) -> None:
        may_read.wait(harness.limit)
        arrived.append(read_all(client))

    sent = hashlib.sha256()
    with harness.connect(harness.published(server)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(0.3)
        total = 0
        try:
            while total < 64 << 20:
                piece = random.randbytes(997)
                count = client.send(piece)
                sent.update(piece[:count])
                total += count
        except TimeoutError:
            pass  # everything on the way is full
        may_read.set()
        client.settimeout(harness.limit)
        client.sendall(b"last")
        client.shutdown(socket.SHUT_WR)
        sent.update(b"last")
        harness.until(lambda: bool(arrived), "the server has read everything")
    assert len(arrived[0]) == total + 4
    assert hashlib.sha256(arrived[0]).digest() == sent.digest()


def test_only_some_pipes_are_large() -> None:
    """Are the first pipes large, those beyond as the kernel makes them, and the count kept?"""
    pool = PipePool(idle=2)
    pipes = [pool.take() for _ in range(3)]
    sizes = [fcntl.fcntl(pipe[0], fcntl.F_GETPIPE_SZ) for pipe in pipes if pipe]
    assert sizes == [CHUNK, CHUNK, sizes[2]]
    assert SMALL <= sizes[2] < CHUNK
    for pipe in pipes:
        assert pipe is not None
        pool.discard(pipe)
    again = pool.take()
    assert again is not None
    assert fcntl.fcntl(again[0], fcntl.F_GETPIPE_SZ) == CHUNK
    pool.give(again)
    pool.close()


def test_a_kernel_that_gives_no_large_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a pipe that may not grow used as it is?"""

    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr("lab.network.pipes.fcntl.fcntl", refuse)
    pool = PipePool()
    pipe = pool.take()
    assert pipe is not None
    pool.discard(pipe)
