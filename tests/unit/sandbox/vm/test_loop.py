"""The small event loop: files, moments, the end of a round."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.sandbox.vm.loop import READ, WRITE, Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


def test_what_is_ready_is_called(loop: Loop, pipe: tuple[int, int]) -> None:
    """Is the action called with what has come, and not after it was forgotten?"""
    heard: list[int] = []
    loop.watch(pipe[0], READ, heard.append)
    loop.turn(0)
    os.write(pipe[1], b"x")
    loop.turn(5)
    assert heard == [READ]
    loop.forget(pipe[0])
    loop.turn(0)
    assert heard == [READ]


def test_other_events_can_be_asked_for(loop: Loop, pipe: tuple[int, int]) -> None:
    """Can a file be watched for something else, for nothing, and again?"""
    heard: list[int] = []
    loop.change(pipe[1], 0, WRITE, heard.append)
    loop.turn(0)
    loop.change(pipe[1], WRITE, 0, heard.append)
    loop.turn(0)
    loop.change(pipe[1], 0, WRITE, heard.append)
    loop.turn(0)
    assert heard == [WRITE, WRITE]


def test_what_another_action_gave_up_is_not_called(loop: Loop) -> None:
    """If two are ready and the first gives up the second, is the second left alone?"""
    ends = [os.pipe(), os.pipe()]
    called: list[int] = []

    def give_up(which: int) -> None:
        called.append(which)
        loop.forget(ends[1 - which][0])

    for which, (reader, writer) in enumerate(ends):
        loop.watch(reader, READ, lambda _, which=which: give_up(which))  # type: ignore[misc]
        os.write(writer, b"x")
    loop.turn(5)
    assert len(called) == 1
    for pair in ends:
        for fd in pair:
            os.close(fd)


def test_moments_come_in_order_unless_given_up(loop: Loop) -> None:
    """Are timers called once, the earliest first, and not when cancelled?"""
    called: list[str] = []
    loop.after(0.02, lambda: called.append("second"))
    loop.after(0.0, lambda: called.append("first"))
    loop.after(0.0, lambda: called.append("never")).cancel()
    while len(called) < 2:
        loop.turn(5)
    loop.turn(0)
    assert called == ["first", "second"]


def test_the_end_of_the_round(loop: Loop) -> None:
    """Is `soon` called in the same round, even when it was asked for by another such?"""
    called: list[str] = []
    loop.soon(lambda: (called.append("one"), loop.soon(lambda: called.append("two")))[0])
    loop.turn()
    assert called == ["one", "two"]
