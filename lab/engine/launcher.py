"""The launcher, outside of the sandbox, as the engine sees it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from lab.kernel import channel


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
        ours, theirs = channel.pair()
        with ours:
            channel.send(self._connection, {"op": "can_idmap", "path": path}, [theirs.fileno()])
            theirs.close()
            received = channel.receive(ours)
        return str(received[0]["refusal"]) if received else "the launcher is gone"
