"""Streams of a task: runs on a terminal, and runs that did not begin as they should."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import tty

import pytest

from lab.kernel import channel
from lab.runtime.stdio import Streams
from tests.unit.runtime.helpers import FakeClient, in_loop, until


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
