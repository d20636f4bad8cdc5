"""Streams of a task: real pipes and terminals, clients that are slow, absent or gone."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import termios
import tty
from collections.abc import Awaitable, Callable

import pytest

from lab.kernel import channel
from lab.runtime.stdio import STDERR, STDOUT, Streams

LIMIT = 5.0


class FakeClient:
    """Somebody who is attached; has room while `room` is true."""

    def __init__(self) -> None:
        self.got: list[tuple[int, bytes]] = []
        self.finished = 0
        self.room = True

    def send(self, stream: int, data: bytes) -> None:
        self.got.append((stream, data))

    def ready(self) -> bool:
        return self.room

    def finish(self) -> None:
        self.finished += 1

    def text(self, stream: int = STDOUT) -> bytes:
        return b"".join(data for number, data in self.got if number == stream)


def in_loop(work: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work(), LIMIT)

    before = set(os.listdir("/proc/self/fd"))
    asyncio.run(limited())
    assert set(os.listdir("/proc/self/fd")) == before, "a descriptor was left open"


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def begin(streams: Streams) -> tuple[int, int, int]:
    """Start a run; return the child's own copies of its three descriptors."""
    child = [os.dup(fd) for fd in streams.open()]
    streams.started()
    return child[0], child[1], child[2]


def close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


def test_output_goes_to_log_and_clients() -> None:
    """Does all output reach the log and everybody who is attached, told apart by its stream?"""

    async def work() -> None:
        logged: list[tuple[int, bytes]] = []
        streams = Streams(False, False, log=lambda stream, data: logged.append((stream, data)))
        clients = FakeClient(), FakeClient()
        for client in clients:
            streams.attach(client)
        stdin, stdout, stderr = begin(streams)
        assert os.read(stdin, 10) == b""
        os.write(stdout, b"out")
        os.write(stderr, b"err")
        close(stdin, stdout, stderr)
        await streams.ended()
        for client in clients:
            assert (client.text(), client.text(STDERR), client.finished) == (b"out", b"err", 0)
        assert sorted(logged) == [(STDOUT, b"out"), (STDERR, b"err")]
        streams.abandon()
        assert [client.finished for client in clients] == [1, 1]

    in_loop(work)


def test_a_slow_client_holds_output_back() -> None:
    """Is nothing read while a client has no room, and all of it afterwards?"""

    async def work() -> None:
        streams = Streams(False, False)
        slow = FakeClient()
        streams.attach(slow)
        stdin, stdout, stderr = begin(streams)
        slow.room = False
        os.write(stdout, b"1")
        await until(lambda: slow.got)
        os.write(stdout, b"2")
        os.write(stderr, b"3")
        await asyncio.sleep(0.02)
        assert slow.got == [(STDOUT, b"1")]
        slow.room = True
        streams.resume()
        close(stdin, stdout, stderr)
        await streams.ended()
        assert (slow.text(), slow.text(STDERR)) == (b"12", b"3")
        streams.abandon()

    in_loop(work)


def test_a_client_that_leaves_lets_output_go_on() -> None:
    """Does the output go on when the client that held it back has gone?"""

    async def work() -> None:
        streams = Streams(False, False)
        slow, other = FakeClient(), FakeClient()
        streams.attach(slow)
        streams.attach(other)
        child = begin(streams)
        slow.room = False
        os.write(child[1], b"1")
        await until(lambda: slow.got)
        os.write(child[1], b"2")
        streams.detach(slow)
        await until(lambda: other.text() == b"12")
        close(*child)
        await streams.ended()
        streams.abandon()

    in_loop(work)


def test_the_end_of_a_process_loses_nothing() -> None:
    """Is what lies in the pipes passed on at the end, although a client has no room?"""

    async def work() -> None:
        logged: list[bytes] = []
        streams = Streams(False, False, log=lambda _, data: logged.append(data))
        slow = FakeClient()
        slow.room = False
        streams.attach(slow)
        child = begin(streams)
        os.write(child[1], b"a" * 60000)
        await until(lambda: slow.got)
        os.write(child[1], b"b" * 60000)
        close(*child)
        streams.drain()
        await streams.ended()
        assert len(slow.text()) == len(b"".join(logged)) == 120000
        streams.abandon()

    in_loop(work)


def test_a_program_left_behind_may_hold_the_output() -> None:
    """Can a run be ended while somebody still has its pipes open, and the next one begin?"""

    async def work() -> None:
        streams = Streams(False, True, stdin_once=True)
        client = FakeClient()
        streams.attach(client)
        left = begin(streams)
        os.write(left[1], b"still here")
        streams.drain()
        assert client.text() == b"still here" and not client.finished
        streams.abandon()
        assert client.finished == 1
        with pytest.raises(BrokenPipeError):
            os.write(left[1], b"x")
        # the numbers of the closed descriptors are used again
        for _ in range(3):
            again = FakeClient()
            streams.attach(again)
            child = begin(streams)
            os.write(child[1], b"new")
            await until(lambda again=again: again.text() == b"new")  # type: ignore[misc]
            close(*child)
            await streams.ended()
            streams.abandon()
        close(*left)

    in_loop(work)


def test_input_waits_for_the_process() -> None:
    """Is a client that sends more than the process reads held back, and told when to go on?"""

    async def work() -> None:
        streams = Streams(False, True)
        told: list[bool] = []
        child = begin(streams)
        sent = 0
        while streams.write(b"x" * 65536, lambda: told.append(True)):
            sent += 65536
            assert sent < 1 << 21, "input is taken without bound"
        assert not told
        sent += 65536
        got = 0
        while got < sent:
            got += len(await asyncio.to_thread(os.read, child[0], 65536))
        assert told == [True]
        streams.abandon()
        close(*child)

    in_loop(work)


def test_input_before_the_start() -> None:
    """Is what is sent before the process is there kept for it, and its end too?"""

    async def work() -> None:
        streams = Streams(False, True, stdin_once=True)
        assert streams.write(b"early", lambda: None)
        assert streams.client_has_written_all()
        child = begin(streams)
        assert os.read(child[0], 100) == b"early"
        assert os.read(child[0], 100) == b""
        close(*child)
        await streams.ended()
        streams.abandon()
        # another run has an input of its own
        child = begin(streams)
        assert streams.write(b"late", lambda: None)
        assert os.read(child[0], 100) == b"late"
        close(*child)
        streams.abandon()

    in_loop(work)


def test_whose_leaving_ends_the_input() -> None:
    """Does the input end with the one client that it was opened for, and with no other?"""

    async def work() -> None:
        for once, ends in ((True, True), (False, False)):
            streams = Streams(False, True, stdin_once=once)
            client = FakeClient()
            streams.attach(client)
            child = begin(streams)
            os.set_blocking(child[0], False)
            assert streams.client_has_written_all() is ends
            streams.detach(client, wrote=True)
            if ends:
                assert os.read(child[0], 10) == b""
            else:
                with pytest.raises(BlockingIOError):
                    os.read(child[0], 10)
            streams.abandon()
            close(*child)

    in_loop(work)


def test_a_process_that_closed_its_input() -> None:
    """Is what nobody reads dropped, without holding the client up or breaking anything?"""

    async def work() -> None:
        streams = Streams(False, True)
        child = begin(streams)
        os.close(child[0])
        for _ in range(20):
            assert streams.write(b"x" * 65536, lambda: None)
        close(child[1], child[2])
        await streams.ended()
        streams.abandon()

    in_loop(work)


def test_a_start_that_failed() -> None:
    """Are clients told, and all descriptors closed, when nothing was started?"""

    async def work() -> None:
        for terminal in (False, True):
            streams = Streams(terminal, True)
            client = FakeClient()
            streams.attach(client)
            streams.open()
            streams.abandon()
            assert client.finished == 1
            await streams.ended()

    in_loop(work)


def test_no_room_for_more_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is what was made before a descriptor could not be had given back?"""

    async def work() -> None:
        real, calls = os.pipe2, []

        def pipe2(flags: int) -> tuple[int, int]:
            calls.append(flags)
            if len(calls) == 3:
                raise OSError(24, "Too many open files")
            return real(flags)

        monkeypatch.setattr(os, "pipe2", pipe2)
        streams = Streams(False, True)
        with pytest.raises(OSError):
            streams.open()
        streams.abandon()
        monkeypatch.undo()

    in_loop(work)


def test_a_terminal() -> None:
    """Do a terminal's bytes go both ways, has it the size that was asked for, and an end?"""

    async def work() -> None:
        streams = Streams(True, True)
        client = FakeClient()
        streams.attach(client)
        streams.resize(33, 111)
        (console,) = streams.open()
        master, slave = pty.openpty()
        tty.setraw(slave)
        with channel.socket.socket(fileno=os.dup(console)) as sender:
            channel.send(sender, {"terminal": 0}, [master])
        os.close(master)
        streams.started()
        size = fcntl.ioctl(slave, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        assert struct.unpack("HHHH", size)[:2] == (33, 111)
        assert streams.write(b"typed", lambda: None)
        assert os.read(slave, 100) == b"typed"
        os.write(slave, b"shown")
        await until(lambda: client.text() == b"shown")
        # a terminal has no end of input: who has written all leaves
        assert not streams.client_has_written_all()
        os.write(slave, b", and the last words")
        os.close(slave)
        streams.drain()
        await streams.ended()
        assert client.text() == b"shown, and the last words"
        streams.abandon()

    in_loop(work)


def test_a_terminal_that_never_came() -> None:
    """Does a run whose terminal did not arrive end, instead of waiting for ever?"""

    async def work() -> None:
        streams = Streams(True, True)
        streams.open()
        streams.started()
        await streams.ended()
        streams.abandon()

    in_loop(work)
