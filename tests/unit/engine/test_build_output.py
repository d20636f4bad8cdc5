"""Output of a build's step on its way from the event loop to the build's thread."""

from __future__ import annotations

import asyncio

import pytest

from lab.engine.build_output import StepOutput
from lab.runtime.stdio import STDERR, STDOUT

from .build_parts import FakeStreams
from .hub_parts import run, until


def test_output_comes_out_in_order_with_its_stream() -> None:
    """Do pieces arrive as they were sent, and then the end?"""

    async def work() -> None:
        output = StepOutput(FakeStreams(), asyncio.get_running_loop())
        output.send(STDOUT, b"a")
        output.send(STDERR, b"b")
        output.finish()
        taken = [output.take(1), output.take(1), output.take(1)]
        assert taken == [("stdout", b"a"), ("stderr", b"b"), None]
        with pytest.raises(TimeoutError):
            output.take(0.001)

    run(work())


def test_a_slow_build_holds_its_command_back() -> None:
    """Is reading stopped when a megabyte waits, and resumed once when there is room?"""

    async def work() -> None:
        streams = FakeStreams()
        output = StepOutput(streams, asyncio.get_running_loop())
        for _ in range(3):
            assert output.ready()
            output.send(STDOUT, bytes(400_000))
        assert not output.ready()
        output.take(1)
        await until(lambda: streams.resumed == 1)
        assert output.ready()
        output.take(1)
        await asyncio.sleep(0)
        assert streams.resumed == 1

    run(work())
