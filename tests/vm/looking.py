"""A guest that a test runs commands in, through its own channel."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from lab.sandbox.vm import engine_machine, snapshot
from lab.sandbox.vm.live import Live
from lab.sandbox.vm.loop import Loop
from lab.sandbox.vm.mux import Message
from lab.sandbox.vm.parts import Parts
from lab.sandbox.vm.qemu import TCG
from lab.sandbox.vm.stream import Stream

PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
_LIMIT = 150.0


class Answer:
    """Receives a stream to its end."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.output = b""
        self.over = False
        self.was_lost = False

    def data(self, content: memoryview) -> None:
        self.output += content
        self.stream.consumed(len(content))

    def finished(self) -> None:
        self.over = True

    def lost(self) -> None:
        self.over = self.was_lost = True

    def resumed(self) -> None:
        return


class Guest:
    """Starts as the engine's machine does, but without a disk for data; told to go on."""

    def __init__(self, parts: Parts) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lab-")
        console = Path(self._folder.name, "console")
        machine = engine_machine.engine_machine(parts, os.environ["PATH"], TCG, console, console)
        disks = tuple(each for each in machine.disks if not each.writable)
        machine = replace(machine, disks=disks)
        self.messages: list[Message] = []
        self.loop = Loop()
        self.live = Live(self.loop, machine, self.messages.append)

    def __enter__(self) -> Guest:
        self.live.go_on()
        self.live.wait_for("warm", snapshot.boot_limit(self.live.machine))
        self.live.mux.send({"op": "go", "time": time.time(), "entropy": "00" * 64, "catalog": None})
        self.live.wait_for("ready", _LIMIT)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.live.close()
        self.loop.close()
        self._folder.cleanup()

    def start(self, *argv: str) -> Answer:
        stream = self.live.mux.open({"exec": list(argv)})
        stream.receiver = answer = Answer(stream)
        return answer

    def run(self, *argv: str, limit: float = _LIMIT) -> tuple[int, str]:
        """Run a command to its end; return its exit code, and what it has written."""
        answer = self.start(*argv)
        number = answer.stream.number
        end = time.monotonic() + limit
        while time.monotonic() < end:
            codes = [each["code"] for each in self.messages if each.get("stream") == number]
            if codes and answer.over:
                return codes[0], answer.output.decode()
            self.loop.turn(0.1)
        raise AssertionError(f"{argv} has not ended within {limit} seconds")

    def python(self, script: str) -> str:
        """Run a script in the guest's Python; return what it has printed."""
        code, said = self.run(PYTHON, "-I", "-S", "-c", script)
        assert code == 0, said
        return said
