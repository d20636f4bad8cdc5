"""Commands that the host runs in the guest, to look into it: their output is a stream."""

from __future__ import annotations

import os
import signal

from lab.errors import Unavailable
from lab.sandbox.vm.loop import READ, Loop
from lab.sandbox.vm.mux import READ_SIZE
from lab.sandbox.vm.stream import Stream

_BUSYBOX = "/usr/bin/busybox"
_MAX_WORDS = 1000


class Command:
    """One command: what it writes, to both outputs, goes to the stream, which then ends.

    It reads nothing.  If the host gives the stream up, it is killed.  Its exit code is known to
    whoever reaps its process `pid`.
    """

    def __init__(self, loop: Loop, stream: Stream, argv: list[str]) -> None:
        self._loop = loop
        self._stream = stream
        self._output, output_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._output, False)
        self._events = 0
        self._reaped = False
        try:
            self.pid = os.fork()
        except OSError:
            os.close(self._output)
            os.close(output_end)
            raise
        if self.pid == 0:
            _become(argv, output_end)
        os.close(output_end)
        stream.receiver = self
        self._watch()

    def data(self, content: memoryview) -> None:
        """Receiver: nobody reads it."""
        self._stream.consumed(len(content))

    def finished(self) -> None:
        """Receiver: there was nothing to come anyway."""

    def lost(self) -> None:
        """Receiver: nobody wants to know any more."""
        # its group's number is not used again before it has been reaped, which closes this first
        if self._output >= 0:
            os.killpg(self.pid, signal.SIGKILL)
            self._close()

    def resumed(self) -> None:
        """Receiver: there may be room."""
        if self._reaped:
            self._take_rest()
        else:
            self._watch()

    def reaped(self) -> None:
        """The command has ended: what it has left running in the background is not waited for."""
        self._reaped = True
        self._take_rest()

    def _take_rest(self) -> None:
        while self._read():
            pass
        self._watch()

    def _watch(self) -> None:
        if self._output < 0:
            return
        wanted = READ if self._stream.room and not self._reaped else 0
        if wanted != self._events:
            self._loop.change(self._output, self._events, wanted, self._on_events)
            self._events = wanted

    def _on_events(self, _: int) -> None:
        self._read()
        self._watch()

    def _read(self) -> bool:
        """Pass some output on; return whether there may be more, and room for it."""
        room = self._stream.room if self._output >= 0 else 0
        if not room:
            return False
        try:
            content = os.read(self._output, min(READ_SIZE, room))
        except BlockingIOError:
            if self._reaped:
                self._finish()
            return False
        if content:
            self._stream.send(content)
        else:
            self._finish()
        return bool(content)

    def _finish(self) -> None:
        self._stream.finish()
        self._close()

    def _close(self) -> None:
        if self._events:
            self._loop.forget(self._output)
            self._events = 0
        os.close(self._output)
        self._output = -1


def words(target: object) -> list[str]:
    """Return a command line that came as JSON.  Raises Unavailable if it is none."""
    if not isinstance(target, list) or not 0 < len(target) <= _MAX_WORDS:
        raise Unavailable("a command is a list of words")
    if not all(isinstance(word, str) and "\0" not in word for word in target):
        raise Unavailable("a command is a list of words")
    return target


def _become(argv: list[str], output: int) -> None:
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        source = os.open("/dev/null", os.O_RDONLY)
        for standard, fd in enumerate((source, output, output)):
            os.dup2(fd, standard)
        os.chdir("/")
        try:
            os.execvp(argv[0], argv)
        except FileNotFoundError:
            if "/" in argv[0] or not os.path.exists(_BUSYBOX):
                raise
            # a guest is small: most of its commands are this one program's
            os.execv(_BUSYBOX, ["busybox", *argv])
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)
