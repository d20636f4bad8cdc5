"""One channel of the many that share the guest's byte stream (see lab.sandbox.vm.mux)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lab.sandbox.vm.mux import Mux

WINDOW = 256 * 1024
OPEN, DATA, CREDIT, FIN, RESET = range(1, 6)


class Receiver(Protocol):
    """What a stream tells the one that uses it."""

    def data(self, content: memoryview) -> None:
        """Content has come; `Stream.consumed` says later that it has been passed on."""

    def finished(self) -> None:
        """The other end has nothing more to send."""

    def lost(self) -> None:
        """The other end has given the stream up, or is gone; the stream must not be used again."""

    def resumed(self) -> None:
        """There may be room to send again."""


class Stream:
    """One channel of a Mux.  Set `receiver` before the next round of the loop.

    `window` is what may be sent, `granted` what the other end may send.
    """

    __slots__ = (
        "_consumed",
        "_finished",
        "_heard_end",
        "_mux",
        "granted",
        "number",
        "receiver",
        "window",
    )

    def __init__(self, mux: Mux, number: int) -> None:
        self.number = number
        self.receiver: Receiver | None = None
        self.window = self.granted = WINDOW
        self._mux = mux
        self._consumed = 0
        self._finished = False
        self._heard_end = False

    @property
    def room(self) -> int:
        """How many bytes may be sent now."""
        return 0 if self._mux.congested else self.window

    def send(self, content: bytes) -> None:
        """Send content, not more than there is `room` for."""
        self.window -= len(content)
        self._mux.put(self.number, DATA, len(content), content)

    def consumed(self, count: int) -> None:
        """Let the other end send `count` bytes more; told to it in few, large steps."""
        self._consumed += count
        if self._consumed >= WINDOW // 2 and not self._heard_end:
            self._mux.put(self.number, CREDIT, self._consumed)
            self.granted += self._consumed
            self._consumed = 0

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        if not self._finished:
            self._finished = True
            self._mux.put(self.number, FIN)
            self._forget_when_over()

    def reset(self) -> None:
        """Give the stream up."""
        if self._mux.forget(self.number):
            self._mux.put(self.number, RESET)

    def hear_end(self) -> None:
        """For the Mux: the other end has finished."""
        self._heard_end = True
        self._forget_when_over()

    def _forget_when_over(self) -> None:
        if self._finished and self._heard_end:
            self._mux.forget(self.number)
