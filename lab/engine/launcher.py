"""The launcher, outside of the sandbox, as the engine sees it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from lab.kernel import channel

_ANSWER_SECONDS = 20.0


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

    def _ask(self, question: channel.Message) -> str:
        """Return the launcher's refusal, or an empty string.

        The answer comes through a channel of its own, so that several threads may ask at once.
        """
        ours, theirs = channel.pair()
        with ours:
            ours.settimeout(_ANSWER_SECONDS)
            try:
                with theirs:
                    channel.send(self._connection, question, [theirs.fileno()])
                received = channel.receive(ours)
            except TimeoutError:
                return "the launcher does not answer"
            except OSError:
                received = None
        return str(received[0]["refusal"]) if received else "the launcher is gone"


def _mapping(operation: str, address: str, port: int, protocol: str) -> channel.Message:
    return {"op": operation, "address": address, "port": port, "protocol": protocol}
