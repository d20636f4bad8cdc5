"""A Python interpreter in a sandbox of its own, like the engine's, to try its parts step by step.

    bench = Workbench()
    bench.run("from lab.kernel.syscalls import sethostname")

It has new user, mount, pid, ipc, uts and network namespaces with the ids that the engine's sandbox
has; where the machine allows none, all of that is in a small virtual machine.  In it the modules
`lab.kernel` and `lab.runtime` can be imported.  Of the host's files it can change none; `/run` is
its own.  What a cell defines stays for the next.  In a notebook, `%%bench` runs a cell there.
"""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from lab.config import Config
from lab.errors import InvalidParameter, LabError, SandboxUnavailable, Unavailable
from lab.sandbox import choose
from lab.sandbox.bench.links import Link, ProcessLink, VmLink, is_graded
from lab.sandbox.bench.messages import Message

LIMIT = 60.0
"""Seconds that a cell may take."""

_START_LIMIT = 60.0
_GIVE_UP = 3.0
"""Seconds that a cell has to end after it was interrupted."""

_LOOK = 0.1
_PIECE = 192 * 1024


class CellFailed(LabError):
    """A cell of the workbench has raised an error; the message is its traceback."""

    def _render_traceback_(self) -> list[str]:
        """For IPython: what happened in there, and nothing of how it came here."""
        return self.message.splitlines()


class Workbench:
    """A running interpreter.  `close` it, or let it end with this process.

    `where` is `namespaces` or `vm`; of `kind` `auto` it is where the lab's engine lives, else the
    first that works.  Raises SandboxUnavailable, saying what would help, if neither does.
    """

    def __init__(self, kind: str = "auto", config: Config | None = None) -> None:
        self._link = _start(kind, config or Config.from_environ())
        self._cells = 0
        self._is_open = True
        _register(self)

    @property
    def where(self) -> str:
        return self._link.where

    def run(self, source: str, limit: float = LIMIT) -> None:
        """Run Python source; print what it prints, and the value of its last line.

        Raises CellFailed with the traceback if it raises, and Unavailable if it does not end
        within `limit` seconds, or the interpreter ends; Ctrl-C interrupts it.
        """
        self._cells += 1
        name = f"<bench {self._cells}>"
        self._ask({"op": "run", "source": source, "name": name}, limit)

    def put(self, source: str | os.PathLike[str] | bytes, path: str) -> None:
        """Write a file of this machine, or bytes, to `path` in there."""
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        for start in range(0, max(1, len(content)), _PIECE):
            data = base64.b64encode(content[start : start + _PIECE]).decode()
            request = {"op": "write", "path": path, "data": data, "append": start > 0}
            self._ask(request, LIMIT)

    def close(self) -> None:
        """End it, and everything that was started in it; may be called again."""
        if self._is_open:
            self._is_open = False
            self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, request: Message, limit: float) -> None:
        if not self._is_open:
            raise Unavailable("the workbench is closed", "make a new one: bench = Workbench()")
        with _interrupts() as was_interrupted:
            try:
                self._link.send(request)
                answer = self._wait(limit, was_interrupted)
            except Unavailable:
                self.close()
                raise
        if answer.get("error"):
            raise CellFailed(answer["error"])

    def _wait(self, limit: float, was_interrupted: Callable[[], bool]) -> Message:
        """Wait for the answer, print what is said before; interrupt when asked to, or too late."""
        end = time.monotonic() + limit
        given_up: float | None = None
        while True:
            message = self._link.receive(_LOOK)
            if message is not None:
                if message["op"] == "done":
                    if given_up and not was_interrupted():
                        message["error"] = f"the cell was ended after {limit:g} seconds\n"
                    return message
                _show(message)
            now = time.monotonic()
            if given_up is None and (was_interrupted() or now > end):
                self._link.send({"op": "interrupt"})
                given_up = now + _GIVE_UP
            elif given_up is not None and now > given_up:
                raise Unavailable("the cell did not end: the workbench was closed")


def _show(message: Message) -> None:
    if message["op"] == "said":
        stream = sys.stdout if message["stream"] == "stdout" else sys.stderr
        stream.write(message["text"])
        stream.flush()
    elif message["op"] == "ended":
        raise Unavailable(f"the workbench's first process has ended ({message['why']})")


@contextlib.contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Take note of Ctrl-C during the block, in place of being torn out of it."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(seen)
    finally:
        signal.signal(signal.SIGINT, before)


def _start(kind: str, config: Config) -> Link:
    """Start the sandbox in the first way of `kind` that works."""
    if is_graded():
        raise SandboxUnavailable("there is no workbench while a submission is graded")
    ways: dict[str, Callable[[], Link]] = {
        "namespaces": ProcessLink,
        "vm": lambda: VmLink(config),
    }
    if kind != "auto" and kind not in ways:
        raise InvalidParameter(f"unknown kind {kind!r}: choose auto, namespaces or vm")
    order = [kind] if kind != "auto" else _order(config)
    refusals: list[LabError] = []
    for name in order:
        try:
            return _ready(ways[name]())
        except (SandboxUnavailable, Unavailable) as error:
            refusals.append(error)
    raise SandboxUnavailable(
        "no workbench can be had here. "
        + "; ".join(
            f"{name}: {error.message.rstrip('.')}"
            for name, error in zip(order, refusals, strict=True)
        ),
        hint=" ".join(filter(None, (error.hint for error in refusals))),
    )


def _order(config: Config) -> list[str]:
    """Return the kinds to try: first the one that the lab's engine lives in."""
    found = choose.remembered(config.engine_root) or {}
    first = config.sandbox if config.sandbox != "auto" else found.get("chosen")
    return ["vm", "namespaces"] if first == "vm" else ["namespaces", "vm"]


def _ready(link: Link) -> Link:
    """Return the link when its interpreter can be used."""
    said = ""
    try:
        end = time.monotonic() + _START_LIMIT
        while (left := end - time.monotonic()) > 0:
            message = link.receive(left)
            if message is None:
                break
            if message["op"] == "ready":
                return link
            if message["op"] == "failed":
                raise SandboxUnavailable(message["reason"], message["hint"])
            if message["op"] == "said":
                said += message["text"]
        raise Unavailable(f"the workbench is not ready within {_START_LIMIT:g} seconds")
    except Unavailable as error:
        link.close()
        raise Unavailable(f"{error.message} {said}".strip()) from None
    except BaseException:
        link.close()
        raise


def _register(bench: Workbench) -> None:
    """In a notebook, let `%%bench` run cells in this workbench."""
    if "IPython" in sys.modules:
        from IPython import get_ipython

        shell = get_ipython()
        if shell is not None:
            shell.register_magic_function(
                lambda line, cell: bench.run(cell), "cell", magic_name="bench"
            )
