"""The netlink conversation, against a kernel that the test plays itself."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator

import pytest

from lab.errors import SyscallError
from lab.kernel.netlink import Message, Netlink, attribute

ERROR, DONE = 2, 3


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Netlink]]:
    """The kernel's end of a conversation, and ours."""
    kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with kernel, Netlink(ours) as netlink:
        yield kernel, netlink


def answer(type: int, sequence: int, payload: bytes, flags: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(payload), type, flags, sequence, 0) + payload


def acknowledge(sequence: int, code: int = 0, text: str = "") -> bytes:
    payload = struct.pack("=i", -code) + bytes(16)
    if text:
        payload += attribute(1, text.encode() + b"\0")
    return answer(ERROR, sequence, payload, 0x200 if text else 0)


def test_a_batch_is_one_datagram(ends: tuple[socket.socket, Netlink]) -> None:
    """Are several messages sent at once, numbered, each asking to be acknowledged?"""
    kernel, netlink = ends
    kernel.send(acknowledge(1) + acknowledge(2))
    netlink.transact(Message("one", 16, b"1234"), Message("two", 17, b"12345678", 0x600))
    data = kernel.recv(4096)
    assert struct.unpack_from("=IHHII", data) == (20, 16, 5, 1, 0)
    assert struct.unpack_from("=IHHII", data, 20) == (24, 17, 0x605, 2, 0)
    assert len(data) == 44


def test_the_first_refusal_is_raised_after_all_answers(
    ends: tuple[socket.socket, Netlink],
) -> None:
    """Does the error name its request and the kernel's reason, and is the next call in step?"""
    kernel, netlink = ends
    kernel.send(acknowledge(1))
    kernel.send(acknowledge(2, errno.EEXIST, "it is there") + acknowledge(3, errno.EINVAL))
    messages = [Message(name, 16, b"") for name in ("first", "second", "third")]
    with pytest.raises(SyscallError) as caught:
        netlink.transact(*messages)
    assert caught.value.errno == errno.EEXIST
    assert caught.value.message == "netlink: second (it is there): File exists"
    kernel.send(acknowledge(2, errno.EPERM) + acknowledge(4))
    netlink.transact(Message("fourth", 16, b""))


def test_a_tolerated_error_is_none(ends: tuple[socket.socket, Netlink]) -> None:
    """May a message say which errors do not matter?"""
    kernel, netlink = ends
    kernel.send(acknowledge(1, errno.EAFNOSUPPORT))
    netlink.transact(Message("try", 16, b"", tolerated=(errno.EAFNOSUPPORT,)))


def test_a_list_that_changed_meanwhile_is_asked_for_again(
    ends: tuple[socket.socket, Netlink],
) -> None:
    """Is an interrupted dump repeated, and nothing of it kept?"""
    kernel, netlink = ends
    kernel.send(answer(16, 1, b"old!", 0x10) + answer(DONE, 1, bytes(4)))
    kernel.send(answer(16, 2, b"new1"))
    kernel.send(answer(16, 2, b"new2") + answer(DONE, 2, bytes(4)))
    assert netlink.query(Message("list", 18, b""), dump=True) == [b"new1", b"new2"]


def test_a_list_that_never_stands_still(ends: tuple[socket.socket, Netlink]) -> None:
    """Does an endless change end in an error rather than in a loop?"""
    kernel, netlink = ends
    for sequence in range(1, 11):
        kernel.send(answer(DONE, sequence, bytes(4), 0x10))
    with pytest.raises(SyscallError) as caught:
        netlink.query(Message("list links", 18, b""), dump=True)
    assert caught.value.errno == errno.EINTR


def test_a_question_that_is_refused(ends: tuple[socket.socket, Netlink]) -> None:
    """Is the error of a question raised with its name?"""
    kernel, netlink = ends
    kernel.send(acknowledge(1, errno.ENODEV))
    with pytest.raises(SyscallError, match="look up link nil: No such device"):
        netlink.query(Message("look up link nil", 18, b""))


def test_a_closed_socket() -> None:
    """Is trouble with the socket itself reported with what was wanted?"""
    netlink = Netlink()
    netlink.close()
    with pytest.raises(SyscallError, match="netlink: one, two: Bad file descriptor"):
        netlink.transact(Message("one", 16, b""), Message("two", 16, b""))
