"""Threads for work that blocks, which the event loop waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """A few threads of their own.

    The default ones must not be taken by what may wait for the Hub: the Hub, in the same process,
    answers with their help.
    """

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, name)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a short `call` in a thread and return its result.

        A task that is cancelled meanwhile ends only when the call has: what it works on must
        not be taken away under it.
        """
        return await self.run_until(threading.Event(), call, *args, **kwargs)

    async def run_until(
        self, stop: threading.Event, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a long `call`, which looks at `stop` now and then, as `run` does.

        `stop` is set when the task is cancelled.
        """
        job = asyncio.wrap_future(self._pool.submit(call, *args, **kwargs))
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([job])
            if not job.cancelled():
                job.exception()  # nobody else asks for it
            raise
        finally:
            # its error knows this frame: a circle that would keep what failed calls had open
            del job

    def close(self) -> None:
        """End the threads; what waits for one is not run any more."""
        self._pool.shutdown(cancel_futures=True)
