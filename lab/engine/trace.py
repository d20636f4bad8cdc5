"""The trace: calls of the API, and the system calls that they led to, for all who listen.

The records of system calls come from the wrappers that make them (lab.kernel.tap): in this process
directly, from the spawner and the processes that become containers over the spawner's channel.
What belongs together carries the same request's id; an exec's or container's end has none.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from lab.engine.feeds import Feed, Missed
from lab.kernel.tap import tap
from lab.runtime.sync import call_record

_DAEMON = "daemon"


@dataclass(frozen=True, slots=True)
class Requested:
    """A call of the API has begun; `path` with its query, as the client wrote it."""

    id: str
    method: str
    path: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A call of the API is over; of a stream or a taken-over connection: its end."""

    id: str
    status: int
    at_ns: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class Called:
    """A system call, when it was over.

    `request` is the id of the API's call that led to it, or empty; `process` the part that made
    it (`daemon`, `spawner`, `setup`, `init`, `enter`, `exec`); `task` the container's or exec's
    id, `pid` its first process in the sandbox, both empty or 0 for the daemon.  `result` is None
    for a call that did not return, `error` the name of the errno or empty.
    """

    request: str
    process: str
    name: str
    arguments: Mapping[str, str | int]
    result: int | None
    error: str
    at_ns: int
    task: str = ""
    pid: int = 0


Traced = Requested | Answered | Called


@dataclass(slots=True)
class Progress:
    """What a call of the API came to; 0 while that is not known."""

    status: int = 0


@dataclass(slots=True)
class Trace:
    """Makes the records.  Implements lab.runtime.task.Tracer."""

    _feed: Feed[Traced] = field(default_factory=Feed)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _request: ContextVar[str] = field(default_factory=lambda: ContextVar("request", default=""))

    @property
    def heard(self) -> bool:
        return self._feed.heard

    @contextlib.contextmanager
    def request(self, method: str, path: str) -> Iterator[Progress]:
        """Tell of a call of the API; what is done in the block, also in threads, is done for it."""
        identity = f"r{next(self._numbers)}"
        began = time.time_ns()
        progress = Progress()
        token = self._request.set(identity)
        self._feed.tell(Requested(identity, method, path, began))
        try:
            yield progress
        finally:
            self._request.reset(token)
            now = time.time_ns()
            self._feed.tell(Answered(identity, progress.status, now, now - began))

    def origin(self) -> str | None:
        return self._request.get() if self._feed.heard else None

    def hear(self, message: dict[str, Any]) -> None:
        task = message["id"].partition("/")[0]
        for call in message["calls"]:
            self._feed.tell(_called(call, message["trace"], task, message["pid"]))

    async def listen(self) -> AsyncGenerator[Traced | Missed | None, None]:
        """Yield records from now on, as lab.engine.feeds.Feed.listen does."""
        tap.listener = self._hear_own
        try:
            async with contextlib.aclosing(self._feed.listen()) as records:
                async for record in records:
                    yield record
        finally:
            if not self._feed.heard:
                tap.listener = None

    def close(self) -> None:
        self._feed.close()

    def _hear_own(
        self, name: str, arguments: Mapping[str, object], result: int | None, error: int, at_ns: int
    ) -> None:
        call = call_record(_DAEMON, name, arguments, result, error, at_ns)
        self._feed.tell(_called(call, self._request.get()))


def _called(call: Mapping[str, Any], request: str, task: str = "", pid: int = 0) -> Called:
    return Called(
        request=request,
        process=call["process"],
        name=call["call"],
        arguments=call["arguments"],
        result=call["result"],
        error=call["error"],
        at_ns=call["at_ns"],
        task=task,
        pid=pid,
    )
