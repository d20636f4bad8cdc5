"""The guest's first process: prepares the machine, starts the engine, speaks with the host.

    PID 1 (this) --forks--> launcher --> spawner (PID 1 of the sandbox) --> daemon, containers

It is single-threaded and small.  The host reaches everything through one port, which carries many
streams (lab.sandbox.vm.mux):

    guest -> host  warm; ready; said TEXT; failed REASON HINT; ended CODE; publish, unpublish;
                   exited STREAM CODE
    host -> guest  go TIME ENTROPY CATALOG ROOM; room; stop; published
    streams        to a unix socket in the guest, or of a command's output

Between `warm` and `go` the machine may be saved, and resumed later, on another day and as often as
one likes: so nothing of the learner's, no time and no randomness is used before.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import time
from functools import partial
from typing import Any

from lab.errors import LabError
from lab.kernel import channel, syscalls
from lab.sandbox.ids import guest_ids
from lab.sandbox.vm import guest_devices, guest_fresh, guest_mounts
from lab.sandbox.vm.guest_engine import Engine
from lab.sandbox.vm.guest_exec import Command, words
from lab.sandbox.vm.loop import READ, Loop
from lab.sandbox.vm.mux import GUEST, READ_SIZE, Message, Mux
from lab.sandbox.vm.pump import Pump
from lab.sandbox.vm.stream import Stream

_ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
_MAX_FILES = 1 << 20
_MAX_COMMANDS = 16
_ANSWER_LIMIT = 30.0
_PAUSE = 0.1
_LAST_WORDS = 3.0
"""Seconds for what is still to be sent to the host, and for processes to go, at the end."""


class Guest:
    """Serves the host until the engine has ended.  `port` is the open port to it.

    A guest without an engine serves until it is told to stop.
    """

    def __init__(self, port: int, engine: Engine | None) -> None:
        self._engine = engine
        self._loop = Loop()
        self._mux = Mux(
            self._loop, port, GUEST, self._on_message, self._on_host_gone, self._on_open
        )
        self._commands: dict[int, tuple[int, Command]] = {}
        self._asked: dict[int, int] = {}
        """Questions to the host: the descriptors that their answers go to."""
        self._questions = 0
        self._code: int | None = None
        self._went = False
        if engine is not None:
            self._loop.watch(engine.control, READ, partial(self._on_engine, engine))
            self._watch_said(engine)
        else:
            self._mux.send({"op": "warm"})
        self._wake = _catch_children()
        self._loop.watch(self._wake, READ, self._on_children)

    def serve(self) -> None:
        """Return when the engine has ended, everything is on its disk, and the host knows."""
        self._reap()
        while self._code is None:
            self._loop.turn()
        _end_all()
        self._reap()
        if self._engine is not None:
            self._say_rest(self._engine)
        guest_mounts.unmount_data()
        self._mux.send({"op": "ended", "code": self._code})
        end = time.monotonic() + _LAST_WORDS
        while not self._mux.idle and not self._mux.closed and time.monotonic() < end:
            self._loop.turn(0.1)

    def say(self, text: str) -> None:
        """Have the host print a text."""
        self._mux.send({"op": "said", "text": text})

    def _on_message(self, message: Message) -> None:
        operation = message.get("op")
        if operation == "go" and not self._went:
            self._went = True
            self._go(message)
        elif operation == "room" and self._engine is not None:
            self._engine.adapt(message)
        elif operation == "stop":
            self._stop()
        elif operation == "published":
            self._answer(message.get("id"), str(message.get("refusal", "")))

    def _go(self, message: Message) -> None:
        try:
            guest_fresh.set_clock(float(message["time"]))
            guest_fresh.add_entropy(bytes.fromhex(message["entropy"]))
            catalog = None
            if self._engine is not None:
                room = message.get("room") or {}
                own = message.get("own", "")
                catalog = self._engine.mount(message.get("catalog"), own, room)
        except (LabError, OSError, LookupError, TypeError, ValueError) as error:
            hint = error.hint if isinstance(error, LabError) else ""
            self._mux.send({"op": "failed", "reason": str(error), "hint": hint})
            self._stop()
            return
        self._tell_engine({"op": "go", "catalog": catalog, "own": message.get("own", "")})

    def _stop(self) -> None:
        self._tell_engine({"op": "stop"})

    def _tell_engine(self, message: Message) -> None:
        if self._engine is None:
            self._code = 0 if message["op"] == "stop" else None
            return
        with contextlib.suppress(OSError):
            channel.send(self._engine.control, message)

    def _on_host_gone(self) -> None:
        self._stop()

    def _on_engine(self, engine: Engine, _: int) -> None:
        """Hear what the launcher has to say."""
        try:
            received = channel.receive(engine.control)
        except (OSError, ValueError):
            received = None
        if received is None:
            self._loop.forget(engine.control)
            return
        message, fds = received
        if fds and message.get("op") in ("publish", "unpublish"):
            self._ask(message, fds.pop())
        elif message.get("op") in ("warm", "ready"):
            self._mux.send({"op": message["op"]})
        channel.close_all(fds)

    def _ask(self, question: Message, answer_to: int) -> None:
        number = self._questions = self._questions + 1
        self._asked[number] = answer_to
        self._mux.send({**question, "id": number})
        self._loop.after(_ANSWER_LIMIT, lambda: self._answer(number, "the host does not answer"))

    def _answer(self, number: Any, refusal: str) -> None:
        fd = self._asked.pop(number, None)
        if fd is None:
            return
        with socket.socket(fileno=fd) as answer_to, contextlib.suppress(OSError):
            channel.send(answer_to, {"refusal": refusal})

    def _on_said(self, engine: Engine, _: int) -> None:
        """Pass on what the engine's processes have written to standard error."""
        self._loop.forget(engine.said)
        try:
            content = os.read(engine.said, READ_SIZE)
        except BlockingIOError:
            content = None
        if content:
            self.say(content.decode(errors="replace"))
        if content != b"":
            # a host that does not listen is not told more for a while
            pause = _PAUSE if self._mux.congested else 0.0
            self._loop.after(pause, partial(self._watch_said, engine))

    def _watch_said(self, engine: Engine) -> None:
        self._loop.watch(engine.said, READ, partial(self._on_said, engine))

    def _say_rest(self, engine: Engine) -> None:
        with contextlib.suppress(BlockingIOError):
            while content := os.read(engine.said, READ_SIZE):
                self.say(content.decode(errors="replace"))

    def _on_open(self, stream: Stream, target: Message) -> None:
        try:
            if "unix" in target:
                self._connect(stream, str(target["unix"]))
            elif len(self._commands) < _MAX_COMMANDS:
                command = Command(self._loop, stream, words(target.get("exec")))
                self._commands[command.pid] = (stream.number, command)
            else:
                stream.reset()
        except (LabError, OSError, ValueError):
            stream.reset()

    def _connect(self, stream: Stream, path: str) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.connect(path)
        except BaseException:
            connection.close()
            raise
        Pump(self._loop, connection, stream)

    def _on_children(self, _: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        self._reap()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if self._engine is not None and pid == self._engine.pid:
                self._code = code if code >= 0 else 128 - code
            elif pid in self._commands:
                number, command = self._commands.pop(pid)
                command.reaped()
                self._mux.send({"op": "exited", "stream": number, "code": code})


def _catch_children() -> int:
    """Return a descriptor that can be read when a child has ended."""
    wake, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    return wake


def _end_all() -> None:
    """Kill every other process, and wait until they are gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    end = time.monotonic() + _LAST_WORDS
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(_PAUSE / 10)


def _run() -> None:
    os.environ.clear()
    os.environ.update(_ENVIRON)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, _MAX_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.RLIM_INFINITY))
    guest_mounts.mount_system()
    guest_devices.set_up_network()
    options = guest_devices.options()
    ids = guest_ids(int(options.get("lab.uid", "0")), int(options.get("lab.gid", "0")))
    catalog = guest_devices.find_disk("catalog")
    if catalog:
        guest_mounts.mount_catalog(catalog, ids)
    port = guest_devices.open_control()
    gc.collect()
    gc.freeze()
    has_engine = options.get("lab.engine") != "no"
    Guest(port, Engine.start(ids) if has_engine else None).serve()


def main() -> None:
    """Be the guest's first process; the machine is switched off at the end, whatever happens."""
    try:
        _run()
    except BaseException as error:
        # only the console is sure to be there
        sys.stderr.write(f"lab: the guest has failed: {error!r}\n")
        if error.__traceback__ is not None:
            frame = error.__traceback__
            while frame.tb_next is not None:
                frame = frame.tb_next
            code = frame.tb_frame.f_code
            sys.stderr.write(f"  in {code.co_name}, {code.co_filename}:{frame.tb_lineno}\n")
        sys.stderr.flush()
    finally:
        os.sync()
        syscalls.power_off()
