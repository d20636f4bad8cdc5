"""A virtual machine that runs, as this side of its channel sees it."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab.errors import LabError, Unavailable
from lab.sandbox.vm import qemu, qmp
from lab.sandbox.vm.loop import READ, Loop
from lab.sandbox.vm.mux import HOST, Message, Mux

_QUIT_LIMIT = 5.0
_CONSOLE_END = 2000


class Live:
    """A started machine with its guest's channel.

    `on_message` gets the guest's messages, but not those that `wait_for` waits for.
    """

    def __init__(
        self, loop: Loop, machine: qemu.Machine, on_message: Callable[[Message], None]
    ) -> None:
        self.loop = loop
        self.machine = machine
        machine.console.unlink(missing_ok=True)
        self.running = qemu.start(machine, tempfile.TemporaryFile())  # noqa: SIM115 - Running's
        self.ended = False
        self.on_message = on_message
        self._awaited = ""
        self._closed = False
        loop.watch(self.running.pidfd, READ, self._on_process_end)
        self.mux = Mux(loop, self.running.control.fileno(), HOST, self._hear, lambda: None)

    def go_on(self) -> None:
        """Let the machine run."""
        self.running.qmp.execute("cont")

    def wait_for(self, operation: str, limit: float) -> None:
        """Serve the loop until the guest has sent this message.

        Raises Unavailable, with the console's last words, if the machine ends before, or
        `limit` seconds pass.
        """
        self._awaited = operation
        end = time.monotonic() + limit
        while self._awaited:
            if self.ended:
                raise Unavailable(f"the virtual machine has ended: {self.why_ended()}")
            left = end - time.monotonic()
            if left <= 0:
                raise Unavailable(
                    f"the virtual machine is not {operation} within {limit:.0f} seconds"
                    f"{self._last_words()}"
                )
            self.loop.turn(left)

    def wait_ended(self, limit: float) -> bool:
        """Serve the loop until QEMU has ended; return whether it did in time."""
        end = time.monotonic() + limit
        while not self.ended and (left := end - time.monotonic()) > 0:
            self.loop.turn(left)
        return self.ended

    def why_ended(self) -> str:
        """Return how QEMU ended, and what the guest wrote last."""
        return f"{self.running.why_ended()}{self._last_words()}"

    def explained(self, error: Unavailable) -> Unavailable:
        """Return an error that came while the machine started, with what QEMU itself has said."""
        if error.message != qmp.ENDED or self.running.process.poll() is None:
            return error
        return Unavailable(f"the virtual machine does not start: {self.why_ended()}", error.hint)

    def quit(self) -> None:
        """End QEMU after the guest has ended: orderly if it can be had soon."""
        if not self.wait_ended(_QUIT_LIMIT):
            with contextlib.suppress(LabError):
                self.running.qmp.execute("quit")
            self.wait_ended(_QUIT_LIMIT)
        self.close()

    def close(self) -> None:
        """End QEMU at once, and forget everything about it; may be called again."""
        if self._closed:
            return
        self._closed = True
        self.mux.close()
        if not self.ended:
            self.loop.forget(self.running.pidfd)
        self.running.kill()

    def _hear(self, message: Message) -> None:
        if self._awaited and message.get("op") == self._awaited:
            self._awaited = ""
        else:
            self.on_message(message)

    def _on_process_end(self, events: int) -> None:
        self.ended = True
        self.loop.forget(self.running.pidfd)

    def _last_words(self) -> str:
        words = last_words(self.machine.console)
        return f"\n{words}" if words else ""


def last_words(console: Path) -> str:
    """Return the last lines that a guest has written to its console."""
    with contextlib.suppress(OSError):
        text = console.read_bytes()[-_CONSOLE_END:].decode(errors="replace")
        return "\n".join(line.rstrip() for line in text.splitlines()[-12:] if line.strip())
    return ""
