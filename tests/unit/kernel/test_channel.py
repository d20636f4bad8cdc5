"""Messages with descriptors: whole, or not at all."""

from __future__ import annotations

import json
import os
import resource
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.kernel import channel

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Pair]:
    one, two = channel.pair()
    yield one, two
    one.close()
    two.close()


def test_a_message_with_descriptors(ends: Pair) -> None:
    """Do message and descriptors arrive together, closed at exec?"""
    reader, writer = os.pipe()
    channel.send(ends[0], {"op": "x", "n": [1, "é"]}, [writer])
    os.close(writer)
    received = channel.receive(ends[1])
    assert received is not None
    message, (fd,) = received
    assert message == {"op": "x", "n": [1, "é"]}
    assert not os.get_inheritable(fd)
    os.write(fd, b"through")
    os.close(fd)
    with open(reader, "rb") as file:
        assert file.read() == b"through"


def test_the_end(ends: Pair) -> None:
    """Is a channel that was closed told from a message, and does sending fail?"""
    ends[0].close()
    assert channel.receive(ends[1]) is None
    with pytest.raises(BrokenPipeError):
        channel.send(ends[1], {})


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=200))
def test_nonsense(data: bytes) -> None:
    """Does any data give a message or ValueError, and leave the channel of use?"""
    one, two = channel.pair()
    with one, two:
        one.send(data)
        try:
            received = channel.receive(two)
        except ValueError:
            pass
        else:
            assert received == (json.loads(data), [])
        channel.send(one, {"still": "here"})
        assert channel.receive(two) == ({"still": "here"}, [])


def test_too_long(ends: Pair) -> None:
    """Is a message that does not fit refused, not taken for a shorter one, and its file closed?"""
    ends[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    reader, writer = os.pipe()
    channel.send(ends[0], {"x": "y" * (1 << 17)}, [writer])
    os.close(writer)
    with pytest.raises(ValueError, match="longer"):
        channel.receive(ends[1])
    with open(reader, "rb") as file:
        assert file.read() == b""


def test_no_room_for_descriptors(ends: Pair) -> None:
    """Is a message whose descriptors could not all be taken marked, and has none of them?"""
    fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
    channel.send(ends[0], {"op": "x"}, fds)
    for fd in fds:
        os.close(fd)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = set(map(int, os.listdir("/proc/self/fd")))
    free = [number for number in range(max(taken) + 9) if number not in taken]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[3], before[1]))
    try:
        received = channel.receive(ends[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert received == ({"op": "x", channel.FDS_LOST: True}, [])
    assert set(map(int, os.listdir("/proc/self/fd"))) <= taken
