"""Many channels over one byte stream: content, ends, windows, and what is no frame."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.sandbox.vm.loop import Loop
from lab.sandbox.vm.mux import GUEST, HOST, Mux
from lab.sandbox.vm.stream import WINDOW, Stream


class Ear:
    """A receiver that notes what it is told; `greedy` ones consume at once."""

    def __init__(self, stream: Stream, greedy: bool = True) -> None:
        self.stream = stream
        self.greedy = greedy
        self.heard = bytearray()
        self.ended = ""
        self.resumes = 0
        stream.receiver = self

    def data(self, content: memoryview) -> None:
        self.heard += content
        if self.greedy:
            self.stream.consumed(len(content))

    def finished(self) -> None:
        self.ended = "finished"

    def lost(self) -> None:
        self.ended = "lost"

    def resumed(self) -> None:
        self.resumes += 1


class Pair:
    """Both ends, on one loop."""

    def __init__(self, buffer: int = 0, greedy: bool = True) -> None:
        self.loop = Loop()
        self.sockets = socket.socketpair()
        for sock in self.sockets:
            sock.setblocking(False)
            if buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        self.messages: list[Any] = []
        self.ends: list[str] = []
        self.opened: list[tuple[dict[str, Any], Ear]] = []
        self.host = Mux(
            self.loop, self.sockets[0].fileno(), HOST, print, lambda: self.ends.append("host")
        )
        self.guest = Mux(
            self.loop,
            self.sockets[1].fileno(),
            GUEST,
            self.messages.append,
            lambda: self.ends.append("guest"),
            lambda stream, target: self.opened.append((target, Ear(stream, greedy))),
        )

    def settle(self) -> None:
        """Turn the loop until nothing happens any more."""
        quiet = 0
        while quiet < 3:
            before = self.state()
            self.loop.turn(0)
            quiet = quiet + 1 if self.state() == before else 0

    def state(self) -> object:
        heard = [(len(ear.heard), ear.ended, ear.resumes) for _, ear in self.opened]
        return heard, self.host.idle, self.guest.idle, len(self.messages), len(self.ends)

    def close(self) -> None:
        self.host.close()
        self.guest.close()
        for sock in self.sockets:
            sock.close()
        self.loop.close()


@contextlib.contextmanager
def a_pair(buffer: int = 0, greedy: bool = True) -> Iterator[Pair]:
    pair = Pair(buffer, greedy)
    try:
        yield pair
    finally:
        pair.close()


def test_a_stream_carries_both_ways_and_half_closes() -> None:
    """Does content arrive on both sides, and can one go on sending after the other has finished?"""
    with a_pair() as pair:
        ear = Ear(pair.host.open({"unix": "/run/docker.sock"}))
        ear.stream.send(b"question")
        ear.stream.finish()
        pair.settle()
        target, other = pair.opened[0]
        assert (target, bytes(other.heard), other.ended) == (
            {"unix": "/run/docker.sock"},
            b"question",
            "finished",
        )
        other.stream.send(b"answer")
        other.stream.finish()
        pair.settle()
        assert (bytes(ear.heard), ear.ended) == (b"answer", "finished")


def test_messages_go_beside_streams() -> None:
    """Do control messages arrive, in order?"""
    with a_pair() as pair:
        for number in range(3):
            pair.host.send({"op": "count", "n": number, "text": "ö" * 5000})
        pair.settle()
        assert [each["n"] for each in pair.messages] == [0, 1, 2]


def test_a_slow_reader_holds_back_only_its_own_stream() -> None:
    """Is sending limited to one window while nothing is consumed, and does another stream go on?"""
    with a_pair(greedy=False) as pair:
        slow, quick = Ear(pair.host.open({})), Ear(pair.host.open({}))
        slow.stream.send(bytes(slow.stream.room))
        assert slow.stream.room == 0
        quick.stream.send(b"still here")
        pair.settle()
        assert bytes(pair.opened[1][1].heard) == b"still here"
        other = pair.opened[0][1]
        assert len(other.heard) == WINDOW
        other.stream.consumed(WINDOW)
        pair.settle()
        assert slow.stream.room == WINDOW
        assert slow.resumes >= 1


def test_reset_loses_the_stream_at_the_other_end_only_once() -> None:
    """Is a reset told to the other end, and is content underway ignored?"""
    with a_pair() as pair:
        ear = Ear(pair.host.open({}))
        pair.settle()
        other = pair.opened[0][1]
        other.stream.send(b"late")
        ear.stream.reset()
        ear.stream.reset()
        pair.settle()
        assert (other.ended, ear.ended, bytes(ear.heard)) == ("lost", "", b"")
        assert pair.ends == []


def test_the_end_of_the_byte_stream_loses_all_streams() -> None:
    """When the guest is gone, are the streams told before the owner is?"""
    with a_pair() as pair:
        ear = Ear(pair.host.open({}))
        pair.settle()
        pair.guest.close()
        pair.sockets[1].close()
        pair.settle()
        assert (ear.ended, pair.ends) == ("lost", ["host"])


def test_the_host_refuses_streams_by_default() -> None:
    """Is a stream that the guest opens reset, where nobody expects one?"""
    with a_pair() as pair:
        ear = Ear(pair.guest.open({"tcp": 22}))
        pair.settle()
        assert ear.ended == "lost"


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack("<IBxxxI", 0, 2, 1 << 30),
        struct.pack("<IBxxxI", 0, 2, 3) + b"not",
        struct.pack("<IBxxxI", 0, 2, 2) + b"[]",
        struct.pack("<IBxxxI", 7, 9, 0),
        struct.pack("<IBxxxI", 1, 1, 2) + b"{}",
        struct.pack("<IBxxxI", 3, 1, 2) + b"{}" + struct.pack("<IBxxxI", 3, 2, WINDOW + 1),
    ],
    ids=["too long", "no JSON", "no object", "no kind", "taken number", "beyond the window"],
)
def test_garbage_is_refused(frame: bytes) -> None:
    """Is what is no frame noticed, and the byte stream given up?"""
    with a_pair() as pair:
        if frame[:5] == b"\x01\0\0\0\x01":
            pair.host.open({})
            pair.settle()
        pair.sockets[0].send(frame)
        pair.settle()
        assert pair.ends == ["guest"]


@settings(deadline=None, max_examples=60)
@given(
    plan=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3 * WINDOW // 2)), min_size=1, max_size=25
    ),
    buffer=st.sampled_from([0, 5000]),
)
def test_any_interleaving_arrives_in_order(plan: list[tuple[int, int]], buffer: int) -> None:
    """Whatever the sizes and the order of sending, does each stream get exactly what was sent?

    The buffers between may be small, so that writes are short; sending waits for room.
    """
    with a_pair(buffer) as pair:
        ears = [Ear(pair.host.open({"n": number})) for number in range(4)]
        sent = [bytearray() for _ in ears]
        for which, size in plan:
            content = bytes([which + 1]) * size + b"%d" % size
            while content:
                piece = content[: ears[which].stream.room]
                if piece:
                    ears[which].stream.send(piece)
                    sent[which] += piece
                content = content[len(piece) :]
                pair.loop.turn(0)
        for ear in ears:
            ear.stream.finish()
        pair.settle()
        assert [bytes(ear.heard) for _, ear in pair.opened] == [bytes(each) for each in sent]
        assert {ear.ended for _, ear in pair.opened} == {"finished"}
        assert pair.ends == []


@settings(deadline=None)
@given(data=st.data())
def test_frames_may_arrive_in_any_pieces(data: st.DataObject) -> None:
    """Is the same understood, however the bytes are cut?"""
    body = b"".join(
        (
            struct.pack("<IBxxxI", 1, 1, 9) + b'{"a": 1 }',
            struct.pack("<IBxxxI", 1, 2, 5) + b"hello",
            struct.pack("<IBxxxI", 1, 2, 0),
            struct.pack("<IBxxxI", 0, 2, 11) + b'{"op":"go"}',
            struct.pack("<IBxxxI", 1, 2, 6) + b" world",
            struct.pack("<IBxxxI", 1, 4, 0),
        )
    )
    cuts = sorted(data.draw(st.sets(st.integers(1, len(body) - 1))))
    with a_pair() as pair:
        for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
            pair.guest.feed(body[start:end])
        target, ear = pair.opened[0]
        assert (target, bytes(ear.heard), ear.ended) == ({"a": 1}, b"hello world", "finished")
        assert pair.messages == [{"op": "go"}]
