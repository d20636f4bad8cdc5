"""The launcher, outside of the sandbox, as the engine sees it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Sequence

from lab.kernel import channel

_ANSWER_SECONDS = 20.0
_PIDS_AT_ONCE = 200


class LauncherLink:
    """Tells the launcher that the engine answers, and asks it for what only the host can do."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def watch(self, on_stop: Callable[[], None]) -> None:
        """Call `on_stop` when the launcher asks the engine to stop, or is gone."""
        loop = asyncio.get_running_loop()

        def readable() -> None:
            received = channel.receive(self._connection)
            if received is None or received[0]["op"] == "stop":
                loop.remove_reader(self._connection)
                on_stop()

        loop.add_reader(self._connection, readable)

    def ready(self) -> None:
        """Say that the engine answers."""
        with contextlib.suppress(OSError):
            channel.send(self._connection, {"op": "ready"})

    def why_not_mapped(self, path: str) -> str:
        """Return why a bound folder cannot be shown with the container's ids; empty if it can."""
        return self._ask({"op": "can_idmap", "path": path})

    def publish(self, address: str, port: int, protocol: str) -> str:
        """Have a port of the host lead to the same port here; return why not, empty if it does.

        `address` is the host's address to listen at.  For engines whose configuration says
        `forwards`; may be called from any thread, and waits for the answer.
        """
        return self._ask(_mapping("publish", address, port, protocol))

    def unpublish(self, address: str, port: int, protocol: str) -> str:
        """End what `publish` began; as there."""
        return self._ask(_mapping("unpublish", address, port, protocol))

    def host_pids(self, pidfds: Sequence[int]) -> list[int]:
        """Return the host's numbers of processes; 0 for those that it does not know.

        May be called from any thread, and waits for the answer.
        """
        found: list[int] = []
        for first in range(0, len(pidfds), _PIDS_AT_ONCE):
            part = list(pidfds[first : first + _PIDS_AT_ONCE])
            answer: channel.Message | None = None
            with contextlib.suppress(OSError):
                answer, _ = self._exchange({"op": "host_pids"}, part)
            numbers = (answer or {}).get("pids") or []
            found += numbers if len(numbers) == len(part) else [0] * len(part)
        return found

    def bind(self, address: str, port: int, protocol: str) -> socket.socket:
        """Return a socket that the launcher has bound to a port of the host.

        May be called from any thread, and waits for the answer.  Raises OSError if the launcher
        may not either.
        """
        answer, fds = self._exchange(_mapping("bind", address, port, protocol))
        if fds:
            return socket.socket(fileno=fds[0])
        code = (answer or {}).get("errno") or errno.EACCES
        raise OSError(code, os.strerror(code))

    def _ask(self, question: channel.Message) -> str:
        """Return the launcher's refusal, or an empty string."""
        try:
            answer, _ = self._exchange(question)
        except TimeoutError:
            return "the launcher does not answer"
        except OSError:
            answer = None
        return str(answer["refusal"]) if answer else "the launcher is gone"

    def _exchange(
        self, question: channel.Message, fds: Sequence[int] = ()
    ) -> tuple[channel.Message | None, list[int]]:
        """Return the launcher's answer and the descriptors that came with it; None if it is gone.

        It comes through a channel of its own, so that several threads may ask at once.  Raises
        TimeoutError and other OSErrors.
        """
        ours, theirs = channel.pair()
        with ours:
            ours.settimeout(_ANSWER_SECONDS)
            with theirs:
                channel.send(self._connection, question, [theirs.fileno(), *fds])
            received = channel.receive(ours)
        return received or (None, [])


def _mapping(operation: str, address: str, port: int, protocol: str) -> channel.Message:
    return {"op": operation, "address": address, "port": port, "protocol": protocol}
