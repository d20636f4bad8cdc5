"""Threads that the event loop waits for."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from lab.engine.workers import Workers

from .hub_parts import run


class Thing:
    """Something that a call holds while it runs."""


def test_results_and_errors_come_back() -> None:
    """Does a call's result, or its error, reach the one who waits?"""

    async def work() -> None:
        workers = Workers(1, "test")
        assert await workers.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await workers.run(divmod, 1, 0)
        workers.close()

    run(work())


def test_cancelling_waits_for_the_call() -> None:
    """Is a call told to stop, and has it ended when the task has?"""

    async def work() -> None:
        workers = Workers(1, "test")
        stop, started, ended = threading.Event(), threading.Event(), threading.Event()

        def call() -> None:
            started.set()
            stop.wait(10)
            ended.set()

        task = asyncio.create_task(workers.run_until(stop, call))
        while not started.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()
        workers.close()

    run(work())


def test_what_a_failed_call_held_is_let_go_at_once() -> None:
    """Is nothing of a failed call kept until the garbage collector comes, such as open files?"""
    held = []

    def fail() -> None:
        thing = Thing()
        held.append(weakref.ref(thing))
        raise ValueError(str(thing))

    async def work() -> None:
        workers = Workers(1, "test")
        with pytest.raises(ValueError):
            await workers.run(fail)
        workers.close()

    gc.disable()
    try:
        run(work())
        assert held[0]() is None
    finally:
        gc.enable()
