"""Streams of a task: real pipes, and clients that are slow, absent or gone."""

from __future__ import annotations

import asyncio
import os

import pytest

from lab.runtime.stdio import STDERR, STDOUT, Streams
from tests.unit.runtime.helpers import FakeClient, begin, close, in_loop, until


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
