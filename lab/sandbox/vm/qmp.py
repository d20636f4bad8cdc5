"""QEMU's own control channel, spoken in one step after another, each with a time limit.

Source: QEMU documentation, interop/qmp-spec and interop/qemu-qmp-ref.
"""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from lab.errors import Unavailable

LIMIT = 10.0
"""Seconds that QEMU has for an answer; most take a few milliseconds."""

ENDED = "QEMU has ended"

_POLL = 0.002
_READ_SIZE = 65536


class Qmp:
    """The client.  `sock` is connected to QEMU, and belongs to this object from now on."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._rest = b""
        self._greeted = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def execute(self, command: str, limit: float = LIMIT, **arguments: Any) -> Any:
        """Run one command and return its result.

        Raises Unavailable with QEMU's words if it refuses, or is gone or silent for too long.
        """
        end = time.monotonic() + limit
        if not self._greeted:
            self._receive("QMP", end)
            self._greeted = True
            self._ask("qmp_capabilities", {}, end)
        return self._ask(command, arguments, end)

    def monitor(self, line: str) -> str:
        """Run one line of the monitor for people; return what it says, usually nothing."""
        said: str = self.execute("human-monitor-command", LIMIT, **{"command-line": line})
        return said.strip()

    def wait_running(self, limit: float) -> None:
        """Wait until a machine that is being resumed runs.

        Raises Unavailable if the saved state does not fit, or loading it takes too long.
        """
        end = time.monotonic() + limit
        while True:
            status = self.execute("query-status", max(0.0, end - time.monotonic()))["status"]
            if status == "running":
                return
            if status not in ("inmigrate", "paused", "postmigrate", "prelaunch"):
                raise Unavailable(f"QEMU says that the virtual machine is {status}")
            _pause(end, "the saved virtual machine was not loaded in time")

    def wait_migrated(self, limit: float) -> None:
        """Wait until the machine's state has been written; raises Unavailable if it was not."""
        end = time.monotonic() + limit
        while True:
            answer = self.execute("query-migrate", max(0.0, end - time.monotonic()))
            status = answer.get("status", "")
            if status == "completed":
                return
            if status in ("failed", "cancelled"):
                raise Unavailable(answer.get("error-desc") or f"saving the machine has {status}")
            _pause(end, "the virtual machine was not saved in time")

    def close(self) -> None:
        self._socket.close()

    def _ask(self, command: str, arguments: dict[str, Any], end: float) -> Any:
        question = json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
        try:
            self._socket.sendall(question)
        except OSError:
            raise Unavailable(ENDED) from None
        return self._receive("return", end)

    def _receive(self, member: str, end: float) -> Any:
        while True:
            answer = self._line(end)
            if member in answer:
                return answer[member]
            if "error" in answer:
                raise Unavailable(f"QEMU refuses: {answer['error'].get('desc', 'no reason given')}")
            # an event: something that happened by itself

    def _line(self, end: float) -> dict[str, Any]:
        while b"\n" not in self._rest:
            self._socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                content = self._socket.recv(_READ_SIZE)
            except TimeoutError:
                raise Unavailable("QEMU does not answer") from None
            except OSError:
                content = b""
            if not content:
                raise Unavailable(ENDED)
            self._rest += content
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Unavailable("QEMU's answer cannot be read")
        return answer


def _pause(end: float, too_late: str) -> None:
    if time.monotonic() >= end:
        raise Unavailable(too_late)
    time.sleep(_POLL)
