"""A second virtual machine beside the engine's, to look at: started, asked, stopped.

It has the same kernel and the same root disk, and no engine in it, no network, and none of the
host's files.

    with MicroVm.boot(memory=128) as vm:
        print(vm.seconds, vm.run(["uname", "-a"]).output)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.config import Config
from lab.errors import LabError, Unavailable
from lab.kernel import kvm
from lab.sandbox.vm import snapshot
from lab.sandbox.vm.engine_machine import prepare_program
from lab.sandbox.vm.live import Live
from lab.sandbox.vm.loop import Loop
from lab.sandbox.vm.mux import Message
from lab.sandbox.vm.parts import Parts
from lab.sandbox.vm.qemu import TCG, Disk, Machine
from lab.sandbox.vm.stream import Stream

MEMORY = 128
"""MiB that are enough for a guest without an engine."""

RUN_LIMIT = 30.0
_STOP_LIMIT = 10.0
_OUTPUT_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command in the guest wrote, to both outputs, and its exit code."""

    output: str
    code: int


class MicroVm:
    """A running virtual machine.  Not thread-safe; `stop` it, or use it in a `with` block.

    `seconds` is how long it took from QEMU's start to the first program in the guest.
    """

    def __init__(self, live: Live, folder: Path, seconds: float) -> None:
        self.seconds = seconds
        self._live = live
        self._folder = folder
        self._last_words = ""

    @classmethod
    def boot(
        cls, memory: int = MEMORY, config: Config | None = None, own_disk: bool = False
    ) -> MicroVm:
        """Start a machine with `memory` MiB, and return it when its first program runs.

        All machines read one disk with their system, unless `own_disk` asks for a copy, which
        goes with the machine.  Raises Unavailable if there is nothing to start it with, or it
        does not start.
        """
        config = config or Config.from_environ()
        parts = Parts.of(config)
        parts.require()
        prepare_program(parts)
        folder = Path(tempfile.mkdtemp(prefix="lab-vm-"))
        try:
            started = time.monotonic()
            machine = _machine(config, parts, folder, memory, own_disk)
            live = Live(Loop(), machine, lambda message: None)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        vm = cls(live, folder, 0.0)
        try:
            live.go_on()
            live.wait_for("warm", snapshot.boot_limit(machine))
        except Unavailable as error:
            reason = live.explained(error)
            vm.stop()
            raise reason from None
        except BaseException:
            vm.stop()
            raise
        vm.seconds = time.monotonic() - started
        return vm

    @property
    def pid(self) -> int:
        """QEMU's process on the host: to the host, all of the guest is this one process."""
        return self._live.running.process.pid

    @property
    def is_running(self) -> bool:
        return self._live.running.process.poll() is None

    def disk_used(self) -> int:
        """Return how many bytes on the host's disk are this machine's alone."""
        sizes = (path.stat().st_blocks * 512 for path in self._folder.glob("*.erofs"))
        return sum(sizes)

    def disk_shared(self) -> int:
        """Return the bytes of the files that all machines read: kernel, start, program, system."""
        parts = self._live.machine.parts
        disks = {disk.path for disk in self._live.machine.disks}
        paths = {parts.kernel, parts.initramfs, *disks}
        return sum(path.stat().st_size for path in paths if path.parent != self._folder)

    def memory_used(self) -> int:
        """Return how many bytes of the host's memory the machine takes now; 0 if it has ended."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) << 10
        return 0

    def processor_seconds(self) -> float:
        """Return how long the host's processors have worked for the machine; 0 if it has ended."""
        with contextlib.suppress(OSError):
            # after the name, which may hold spaces; the 14th and 15th field.  Source: proc(5)
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def console(self) -> str:
        """Return what the guest has written to its console so far."""
        with contextlib.suppress(OSError):
            self._last_words = self._live.machine.console.read_text(errors="replace")
        return self._last_words

    def run(self, argv: list[str], limit: float = RUN_LIMIT) -> Ran:
        """Run a command in the guest, with its root's rights, and return what it wrote.

        Raises Unavailable if the machine has ended, the command takes longer than `limit`
        seconds, or writes more than a megabyte.
        """
        if not self.is_running:
            raise Unavailable("the virtual machine does not run any more")
        command = _Command(self._live, argv)
        try:
            return command.wait(limit)
        finally:
            command.close()

    def open(self, target: Message) -> Stream:
        """Open a stream to what `target` describes (see lab.sandbox.vm.guest); `turn` serves it."""
        return self._live.mux.open(target)

    def turn(self, limit: float) -> None:
        """Serve the machine's channel once, for at most `limit` seconds."""
        self._live.loop.turn(limit)

    def stop(self) -> None:
        """Switch the machine off; does nothing if it is off already."""
        live = self._live
        if self._folder.exists():
            self.console()
            if self.is_running:
                live.mux.send({"op": "stop"})
                with contextlib.suppress(LabError):
                    live.wait_for("ended", _STOP_LIMIT)
                    live.quit()
            live.close()
            live.loop.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _machine(config: Config, parts: Parts, folder: Path, memory: int, own_disk: bool) -> Machine:
    system = parts.system
    if own_disk:
        system = Path(shutil.copyfile(system, folder / system.name))
    return Machine(
        emulator=parts.emulator(config.search_path),
        parts=parts,
        disks=(Disk("system", system), Disk("program", parts.program)),
        console=folder / "console",
        accelerator=_accelerator(parts),
        memory=memory,
        shared=None,
        network=False,
        words="lab.engine=no",
    )


def _accelerator(parts: Parts) -> str:
    """Return what a machine is run with: what the saved guest was, if that is still possible."""
    proven = snapshot.accelerator_of(parts.snapshot) or TCG
    return TCG if proven != TCG and kvm.refusal() else proven


class _Command:
    """A command in the guest, as its stream and the guest's word about its end tell of it."""

    def __init__(self, live: Live, argv: list[str]) -> None:
        self._live = live
        self._output = bytearray()
        self._open = True
        self._code: int | None = None
        self._before = live.on_message
        live.on_message = self._on_message
        self._stream: Stream = live.mux.open({"exec": argv})
        self._stream.receiver = self

    def data(self, content: memoryview) -> None:
        self._output += content
        self._stream.consumed(len(content))

    def finished(self) -> None:
        self._open = False
        self._stream.finish()

    def lost(self) -> None:
        self._open = False
        self._code = self._code if self._code is not None else -1

    def resumed(self) -> None:
        """Nothing is sent."""

    def wait(self, limit: float) -> Ran:
        end = time.monotonic() + limit
        while self._open or self._code is None:
            left = end - time.monotonic()
            if self._live.ended:
                raise Unavailable(f"the virtual machine has ended: {self._live.why_ended()}")
            if left <= 0:
                raise Unavailable(f"the command did not end within {limit:g} seconds")
            if len(self._output) > _OUTPUT_LIMIT:
                raise Unavailable("the command writes too much")
            self._live.loop.turn(left)
        if self._code == -1:
            raise Unavailable("the virtual machine did not run the command")
        return Ran(self._output.decode(errors="replace"), self._code)

    def close(self) -> None:
        self._live.on_message = self._before
        self._stream.reset()

    def _on_message(self, message: Message) -> None:
        if message.get("op") == "exited" and message.get("stream") == self._stream.number:
            self._code = int(message.get("code", 1))
