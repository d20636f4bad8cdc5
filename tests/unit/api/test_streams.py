"""Connections taken over for a container's streams, with a stand-in for the transport."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from lab.api.detach_keys import parse_detach_keys
from lab.api.streams import Hijacked, frame
from lab.errors import InvalidParameter
from lab.runtime.stdio import STDERR, STDOUT, Streams

KEYS = b"\x10\x11"


class FakeTransport:
    def __init__(self) -> None:
        self.sent = b""
        self.closed = False
        self.reading = True

    def set_protocol(self, protocol: object) -> None:
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int) -> None:
        self.high = high

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class FakeStreams(Streams):
    """Streams without a process: `taken` is what reached its input."""

    def __init__(self, terminal: bool = False, once: bool = True) -> None:
        super().__init__(terminal, True, stdin_once=once)
        self.taken = b""
        self.ended_input = 0
        self.full: Callable[[], None] | None = None
        self.room = True

    def write(self, data: bytes, when_drained: Callable[[], None]) -> bool:
        self.taken += data
        self.full = when_drained
        return self.room

    def end_input(self) -> None:
        self.ended_input += 1


def hijacked(
    streams: Streams, writes: bool = True, keys: bytes = KEYS, released: bool = True
) -> tuple[Hijacked, FakeTransport, list[Any]]:
    lost: list[Any] = []
    transport = FakeTransport()
    request: Any = SimpleNamespace(
        transport=transport, protocol=SimpleNamespace(connection_lost=lost.append)
    )
    client = Hijacked(request, streams, writes, keys)
    client.wanted = frozenset((STDOUT, STDERR))
    client.take_over("application/vnd.docker.raw-stream", upgrade=True)
    streams.attach(client)
    if released:
        client.release()
    return client, transport, lost


def in_loop(work: Callable[[], None]) -> None:
    async def run() -> None:
        work()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", b"\x10\x11"),
        ("ctrl-a", b"\x01"),
        ("ctrl-Z,x", b"\x1ax"),
        ("ctrl-[,ctrl-@", b"\x1b\x00"),
    ],
)
def test_forms_of_detach_keys(text: str, keys: bytes) -> None:
    """Are Docker's forms read, and its own keys the default?"""
    assert parse_detach_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "ab", "ctrl-a,,x", "ctrl-aa"])
def test_no_detach_keys(text: str) -> None:
    """Is anything else refused?"""
    with pytest.raises(InvalidParameter, match="detach keys"):
        parse_detach_keys(text)


def test_frames() -> None:
    """Has a frame the stream's number, three zeros, and the length?"""
    assert frame(STDERR, b"abc") == b"\x02\0\0\0\0\0\0\x03abc"


def test_the_answer_and_the_output() -> None:
    """Does the client get a header, then frames without a terminal and bare bytes with one?"""

    def work() -> None:
        for terminal, expected in ((False, frame(STDOUT, b"x")), (True, b"x")):
            client, transport, _ = hijacked(FakeStreams(terminal))
            head, _, rest = transport.sent.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 UPGRADED\r\n") and rest == b""
            client.send(STDOUT, b"x")
            assert transport.sent.endswith(b"\r\n\r\n" + expected)
            client.wanted = frozenset((STDERR,))
            client.send(STDOUT, b"unwanted")
            assert b"unwanted" not in transport.sent

    in_loop(work)


def test_typed_bytes_reach_the_process() -> None:
    """Is input passed on, and held back when the process does not read it?"""

    def work() -> None:
        streams = FakeStreams()
        client, transport, _ = hijacked(streams)
        client.data_received(b"one")
        assert streams.taken == b"one" and transport.reading
        streams.room = False
        client.data_received(b"two")
        assert not transport.reading
        assert streams.full is not None
        streams.full()
        assert transport.reading

    in_loop(work)


def test_a_listener_cannot_write() -> None:
    """Is what a client sends that did not ask for the input dropped, and its end no end?"""

    def work() -> None:
        streams = FakeStreams()
        client, _, _ = hijacked(streams, writes=False)
        client.data_received(b"x")
        assert client.eof_received() is True
        client.connection_lost(None)
        assert (streams.taken, streams.ended_input) == (b"", 0)

    in_loop(work)


@pytest.mark.parametrize(
    ("terminal", "once", "stays"), [(False, True, True), (False, False, False), (True, True, False)]
)
def test_half_a_close(terminal: bool, once: bool, stays: bool) -> None:
    """Does a client that has written all stay for the output where its end is the input's end?"""

    def work() -> None:
        streams = FakeStreams(terminal, once)
        client, transport, _ = hijacked(streams)
        assert client.eof_received() is True
        assert (transport.closed, bool(streams.ended_input)) == (not stays, stays)
        assert client.closed.done() is not stays

    in_loop(work)


def test_leaving_by_the_keys() -> None:
    """Do the keys end the connection and not the input, and are the bytes before them typed?"""

    def work() -> None:
        streams = FakeStreams(terminal=True, once=False)
        client, transport, _ = hijacked(streams)
        client.data_received(b"ls\x10\x11rm")
        assert (streams.taken, transport.closed, streams.ended_input) == (b"ls", True, 0)
        # without a terminal they are bytes like others
        streams = FakeStreams(terminal=False)
        client, transport, _ = hijacked(streams)
        client.data_received(KEYS)
        assert streams.taken == KEYS and not transport.closed

    in_loop(work)


def test_a_client_that_is_gone() -> None:
    """Is the end of a connection told to aiohttp, the streams, and whoever waits for it?"""

    async def work() -> None:
        streams = FakeStreams()
        client, _, lost = hijacked(streams)
        client.pause_writing()
        assert not client.ready()
        waiting = asyncio.create_task(client.room())
        await asyncio.sleep(0)
        client.connection_lost(None)
        await waiting
        assert lost == [None] and client.closed.done() and streams.ended_input == 1
        # output does not wait for it any more
        assert client not in streams._clients

    asyncio.run(work())


def test_the_end_of_the_output() -> None:
    """Is the connection closed when the run has ended?"""

    def work() -> None:
        streams = FakeStreams()
        client, transport, _ = hijacked(streams)
        streams.abandon()
        assert transport.closed and client.closed.done()

    in_loop(work)


def test_output_waits_until_the_head_has_been_read() -> None:
    """Is what comes before sent afterwards, in order, and is the connection closed then only?"""

    async def work() -> None:
        here, there = socket.socketpair()
        streams = FakeStreams()
        client, transport, _ = hijacked(streams, released=False)
        transport.get_extra_info = lambda name: here  # type: ignore[attr-defined]
        here.send(b"head")
        head = bytes(transport.sent)
        client.send(STDOUT, b"out")
        assert not client.ready()
        streams.abandon()
        waiting = asyncio.create_task(client.noticed())
        await asyncio.sleep(0)
        assert bytes(transport.sent) == head and not transport.closed
        there.recv(10)
        await waiting
        assert bytes(transport.sent) == head + frame(STDOUT, b"out")
        assert transport.closed and client.ready()
        here.close()
        there.close()

    asyncio.run(work())


def test_nobody_there_any_more() -> None:
    """Is a client that went away before the answer an error of the connection, not of ours?"""

    def work() -> None:
        request: Any = SimpleNamespace(transport=None, protocol=None)
        with pytest.raises(ConnectionError):
            Hijacked(request, FakeStreams(), True, KEYS)

    in_loop(work)
