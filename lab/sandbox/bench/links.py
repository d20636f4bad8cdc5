"""How a notebook reaches a keeper: a child process of its own, or one in a virtual machine."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from typing import Protocol

from lab.config import Config
from lab.errors import Unavailable
from lab.sandbox import namespaces
from lab.sandbox.bench import messages
from lab.sandbox.bench.messages import READ_SIZE, Lines, Message
from lab.sandbox.vm.machine import MicroVm
from lab.sandbox.vm.stream import Stream

GUEST_SOCKET = "/run/lab-bench"
MEMORY = 256
"""MiB of a guest: its own and what a learner does in it."""

_KEEPER = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from lab.sandbox.bench.keeper import main"
)
_END_LIMIT = 10.0


class Link(Protocol):
    """A channel to a keeper.  `where` says in a few words where it works."""

    where: str

    def send(self, message: Message) -> None:
        """Raises Unavailable if the keeper is gone."""

    def receive(self, limit: float) -> Message | None:
        """Return the next message; None if none comes within `limit` seconds.

        Raises Unavailable if the keeper is gone.
        """

    def close(self) -> None:
        """End the sandbox; returns when nothing is left of it."""


class ProcessLink:
    """To a keeper on this machine, which ends when this process does."""

    where = "namespaces"

    def __init__(self) -> None:
        self._lines = Lines()
        self._waiting: deque[Message] = deque()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-c", f"{_KEEPER}; main(sys.argv[1:])"),
                    *(namespaces.package_parent(), str(theirs.fileno())),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # the notebook's Ctrl-C is not for it
                start_new_session=True,
            )

    def send(self, message: Message) -> None:
        try:
            self._socket.sendall(messages.pack(message))
        except OSError:
            raise Unavailable("the workbench has ended") from None

    def receive(self, limit: float) -> Message | None:
        end = time.monotonic() + limit
        while not self._waiting:
            left = max(0.0, end - time.monotonic())
            if not select.select([self._socket], [], [], left)[0]:
                return None
            with contextlib.suppress(ConnectionError):
                if content := self._socket.recv(READ_SIZE):
                    self._waiting.extend(self._lines.feed(content))
                    continue
            raise Unavailable("the workbench has ended")
        return self._waiting.popleft()

    def close(self) -> None:
        self._socket.close()
        try:
            self._process.wait(_END_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class VmLink:
    """To a keeper in a virtual machine of its own."""

    where = "vm"

    def __init__(self, config: Config | None = None) -> None:
        self._lines = Lines()
        self._waiting: deque[Message] = deque()
        self._lost = False
        self._vm = MicroVm.boot(memory=MEMORY, config=config)
        try:
            self._start_keeper()
            self._stream: Stream = self._vm.open({"unix": GUEST_SOCKET})
            self._stream.receiver = self
        except BaseException:
            self._vm.stop()
            raise

    def _start_keeper(self) -> None:
        python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        source = f"{_KEEPER}; main(sys.argv[1:])"
        ran = self._vm.run([python, "-I", "-S", "-c", source, "/program", GUEST_SOCKET])
        if ran.code:
            raise Unavailable(f"the workbench does not start in its virtual machine: {ran.output}")

    def send(self, message: Message) -> None:
        content = messages.pack(message)
        while content:
            if self._lost or not self._vm.is_running:
                raise Unavailable("the workbench's virtual machine has ended")
            if room := self._stream.room:
                self._stream.send(content[:room])
                content = content[room:]
            self._vm.turn(0.0 if content and self._stream.room else 0.05)

    def receive(self, limit: float) -> Message | None:
        end = time.monotonic() + limit
        while not self._waiting:
            if self._lost or not self._vm.is_running:
                raise Unavailable("the workbench's virtual machine has ended")
            left = end - time.monotonic()
            if left <= 0:
                return None
            self._vm.turn(left)
        return self._waiting.popleft()

    def close(self) -> None:
        self._vm.stop()

    def data(self, content: memoryview) -> None:
        """Receiver: something was said."""
        self._waiting.extend(self._lines.feed(bytes(content)))
        self._stream.consumed(len(content))

    def finished(self) -> None:
        """Receiver: the keeper has ended."""
        self._lost = True

    def lost(self) -> None:
        """Receiver: the guest has ended."""
        self._lost = True

    def resumed(self) -> None:
        """Receiver: `send` looks itself."""


def is_graded() -> bool:
    """Say whether this is the replay of a submission, whose kernel may make no sandbox."""
    return "LAB_REPLAY" in os.environ
