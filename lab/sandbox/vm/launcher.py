"""The sandbox of kind `vm`, seen from the host: starts QEMU, serves the engine's socket, cleans up.

Single-threaded, in the foreground.  Each client of the socket becomes a stream of the guest's one
port; no TCP port leads to the engine.  When this process ends, however it ends, QEMU ends too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from lab.config import Config
from lab.errors import LabError, Unavailable
from lab.sandbox import foreground
from lab.sandbox.base import Launch
from lab.sandbox.vm import accounts, disk, engine_machine, qemu, snapshot
from lab.sandbox.vm.guest_launcher import SOCKET
from lab.sandbox.vm.guest_mounts import ENGINE
from lab.sandbox.vm.live import Live
from lab.sandbox.vm.loop import READ, Loop
from lab.sandbox.vm.mux import Message
from lab.sandbox.vm.parts import Parts
from lab.sandbox.vm.ports import Forwards
from lab.sandbox.vm.pump import Pump
from lab.sandbox.vm.room import RoomKeeper, room_for

STOP_LIMIT = 30.0
"""Seconds that the guest has to stop its containers before it is switched off."""

_READY_LIMIT = 60.0
_RESUMED_LIMIT = 10.0
_ACCEPTS = 64
_PAUSE = 0.1
_ENTROPY = 64
_HUB = ENGINE / "hub.sock"
_KILLED = 128 + signal.SIGKILL


class _StoppedEarly(Exception):
    """The lab is to end before the guest has anything that must be kept."""


class VmLauncher:
    """Runs one guest in the foreground."""

    def __init__(self, launch: Launch, say: Callable[[str], None]) -> None:
        config = Config.from_environ()
        self._launch = launch
        self._say = say
        self._parts = Parts.of(config)
        self._search_path = config.search_path
        self._loop = Loop()
        self._live: Live | None = None
        self._forwards: Forwards | None = None
        self._data = launch.root / "vm" / "disk.ext4"
        self._failure: LabError | None = None
        self._went = False
        self._stopping = False
        self._killed = False
        self._code: int | None = None

    def run(self) -> int:
        """Start the guest, serve it until it is asked to stop, and return the exit code.

        Raises LabError if it cannot be started, or ends by itself.
        """
        launch = self._launch
        foreground.fill_standard_fds()
        _allow_many_files()
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(self._loop.close)
            root = foreground.make_root(launch.root)
            cleanup.callback(os.close, foreground.lock_root(root))
            machines = self._plan(root / "vm", cleanup)
            wake = foreground.catch_signals()
            self._loop.watch(wake, READ, lambda _: self._on_signals(os.read(wake, 4096)))
            if launch.until is not None:
                self._loop.watch(launch.until, READ, lambda _: self._on_starter_gone())
            doors = {SOCKET: self._listen(launch.socket, cleanup)}
            with self._only_said("programs beside the lab cannot use its Hub"):
                doors[_HUB] = self._listen(root / "hub.sock", cleanup)
            accounts.note_socket(root / "vm" / "run", launch.socket)
            cleanup.callback(self._close_live)
            try:
                live = self._start(machines)
            except _StoppedEarly:
                return 0
            return self._serve(live, doors)

    def _plan(
        self, folder: Path, cleanup: contextlib.ExitStack
    ) -> list[tuple[qemu.Machine, qemu.Saved | None]]:
        """Return the ways to start the guest, the best first; make what they need."""
        self._parts.require()
        engine_machine.require_memory()
        try:
            folder.mkdir(exist_ok=True, mode=0o700)
            # what a killed launcher has left belongs to nobody: the root's lock is ours
            run_folder = folder / "run"
            shutil.rmtree(run_folder, ignore_errors=True)
            run_folder.mkdir(mode=0o700)
        except OSError as error:
            raise LabError(f"cannot use {folder}: {error.strerror}") from None
        cleanup.callback(shutil.rmtree, run_folder, ignore_errors=True)
        engine_machine.prepare_program(self._parts)
        data = self._data = folder / "disk.ext4"
        disk.ensure_disk(data, self._search_path)
        ways: list[tuple[qemu.Machine, qemu.Saved | None]] = []
        reasons: set[str] = set()
        for accelerator in engine_machine.accelerators(self._parts, self._search_path):
            machine = engine_machine.engine_machine(
                self._parts, self._search_path, accelerator, data, run_folder / "console"
            )
            if reason := snapshot.why_not(self._parts.snapshot, machine):
                reasons.add(reason)
            else:
                saved = snapshot.saved_in(self._parts.snapshot)
                ways.append((qemu.resumed(machine, saved), saved))
            ways.append((machine, None))
        if ways[0][1] is None:
            self._note(f"{reasons.pop()}, so the guest starts from the beginning")
        return ways

    def _start(self, ways: list[tuple[qemu.Machine, qemu.Saved | None]]) -> Live:
        """Start the guest in the first way that works, and return it when its engine answers."""
        for number, (machine, saved) in enumerate(ways, 1):
            try:
                return self._try(machine, saved)
            except Unavailable as error:
                reason = self._live.explained(error) if self._live else error
                self._close_live()
                if self._stopping:
                    raise _StoppedEarly from None
                if self._failure:
                    raise self._failure from None
                if number == len(ways):
                    raise reason from None
                if saved is not None:
                    snapshot.note_failure(saved)
                self._note(f"{reason.message.splitlines()[0]}; trying again from the beginning")
        raise AssertionError("there is always a way")

    def _try(self, machine: qemu.Machine, saved: qemu.Saved | None) -> Live:
        self._went = False
        live = self._live = Live(self._loop, machine, self._on_message)
        self._forwards = Forwards(live.running.qmp.monitor)
        if saved is None:
            live.go_on()
            live.wait_for("warm", snapshot.boot_limit(machine))
        else:
            snapshot.resume(live, saved)
        live.mux.send(
            {
                "op": "go",
                "time": time.time(),
                "entropy": os.urandom(_ENTROPY).hex(),
                # in the guest a link on the way, if it is absolute, leads nowhere
                "catalog": str(self._launch.catalog.resolve()) if self._launch.catalog else None,
                "own": str(self._launch.root.resolve()),
                "room": room_for(self._data),
            }
        )
        self._went = True
        live.wait_for("ready", _READY_LIMIT if saved is None else _RESUMED_LIMIT)
        return live

    def _listen(self, path: Path, cleanup: contextlib.ExitStack) -> socket.socket:
        listener = foreground.listen(path)
        cleanup.callback(foreground.remove_socket, path)
        cleanup.callback(listener.close)
        return listener

    @contextlib.contextmanager
    def _only_said(self, consequence: str) -> Iterator[None]:
        try:
            yield
        except LabError as error:
            self._complain(f"{consequence}: {error.message}")

    def _serve(self, live: Live, doors: Mapping[Path, socket.socket]) -> int:
        for inside, listener in doors.items():
            self._accept_at(listener, inside)
        self._say("ready")
        room = RoomKeeper(self._data, self._loop, live.mux.send, live.running.qmp, self._complain)
        while not live.ended and self._code is None:
            self._loop.turn()
        room.end()
        if self._code is not None:
            live.quit()
        if self._killed:
            return _KILLED
        if self._code is None:
            raise LabError(f"the virtual machine has ended unexpectedly: {live.why_ended()}")
        if not self._stopping:
            raise LabError(f"the engine ended unexpectedly (exit code {self._code})")
        return self._code

    def _accept_at(self, listener: socket.socket, inside: Path) -> None:
        """Lead clients of a socket here to the one that is called `inside` in the guest."""
        listener.setblocking(False)
        self._loop.watch(listener, READ, lambda _: self._accept(listener, inside))

    def _accept(self, listener: socket.socket, inside: Path) -> None:
        assert self._live is not None
        for _ in range(_ACCEPTS):
            try:
                client, _ = listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._loop.forget(listener)
                    self._loop.after(_PAUSE, lambda: self._accept_at(listener, inside))
                return
            Pump(self._loop, client, self._live.mux.open({"unix": str(inside)}))

    def _on_message(self, message: Message) -> None:
        operation = message.get("op")
        if operation == "said":
            _write(str(message.get("text", "")))
        elif operation == "failed":
            self._failure = LabError(str(message.get("reason")), str(message.get("hint")))
        elif operation == "ended":
            code = message.get("code")
            self._code = code if isinstance(code, int) else 1
        elif operation in ("publish", "unpublish"):
            self._publish(operation, message)

    def _publish(self, operation: str, message: Message) -> None:
        assert self._live is not None and self._forwards is not None
        act = self._forwards.publish if operation == "publish" else self._forwards.unpublish
        refusal = act(message.get("address"), message.get("port"), message.get("protocol"))
        self._live.mux.send({"op": "published", "id": message.get("id"), "refusal": refusal})

    def _on_signals(self, numbers: bytes) -> None:
        if foreground.STOPPING.intersection(numbers):
            self._stop()

    def _on_starter_gone(self) -> None:
        assert self._launch.until is not None
        with contextlib.suppress(OSError):
            if os.read(self._launch.until, 4096):
                return
        self._loop.forget(self._launch.until)
        self._stop()

    def _stop(self) -> None:
        """Ask the guest to stop; asked a second time, switch it off."""
        live = self._live
        if live is None or not self._went:
            raise _StoppedEarly
        if self._stopping:
            self._kill()
            return
        self._stopping = True
        live.mux.send({"op": "stop"})
        self._loop.after(STOP_LIMIT, self._kill)

    def _kill(self) -> None:
        if self._live is not None:
            self._killed = True
            self._live.running.process.kill()

    def _close_live(self) -> None:
        if self._live is not None:
            self._live.close()
            self._live = None

    def _complain(self, sentence: str) -> None:
        _write(f"lab: {sentence}\n")

    def _note(self, line: str) -> None:
        self._say(f"microVM: {line}")


def _write(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text.encode())


def _allow_many_files() -> None:
    """Use the whole hard limit: each client needs a descriptor."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
