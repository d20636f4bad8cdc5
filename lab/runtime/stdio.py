"""Standard input, output and error of a task: from its pipes or terminal to whoever listens.

`Streams` lives as long as its container: clients may attach before the start, and are told when
the output has ended.  It belongs to the event loop's thread.  Output waits for the slowest client
that is attached, and input for the process, so nothing is held in memory without bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable
from typing import Protocol

from lab.kernel import channel

STDIN, STDOUT, STDERR = 0, 1, 2
"""Stream numbers, as in the frames of Docker's multiplexed format."""

_CHUNK = 65536
_INPUT_LIMIT = 1 << 18
_LAST_READS = 17
"""As many reads empty a pipe of the largest size that users may give it, one MB.  Source: pipe(7)."""


class Client(Protocol):
    """Somebody who is attached: gets output, and may hold it back."""

    def send(self, stream: int, data: bytes) -> None: ...
    def ready(self) -> bool: ...
    def finish(self) -> None: ...


class Streams:
    """The three streams of one container or exec."""

    def __init__(
        self,
        terminal: bool,
        open_stdin: bool,
        stdin_once: bool = False,
        log: Callable[[int, bytes], None] | None = None,
    ) -> None:
        """`log` gets all output; `open_stdin` makes a standard input that clients can write to;
        `stdin_once` closes it when the first client that wrote leaves."""
        self.terminal = terminal
        self.open_stdin = open_stdin
        self.stdin_once = stdin_once
        self._log = log
        self._clients: list[Client] = []
        self._readers: dict[int, int] = {}
        self._held = False
        self._stdin: int | None = None
        self._input = bytearray()
        self._input_ended = False
        self._input_waiters: list[Callable[[], None]] = []
        self._size: tuple[int, int] | None = None
        self._console: socket.socket | None = None
        self._child_fds: list[int] = []
        self._ended = asyncio.Event()
        self._ended.set()

    # --- a run, from its start to the end of its output

    def open(self) -> list[int]:
        """Make pipes (or a console socket) for a new run; return the descriptors for the child."""
        self._ended.clear()
        if self.terminal:
            self._console, theirs = channel.pair()
            self._child_fds = [theirs.detach()]
            return self._child_fds
        # each is noted as soon as it is there, for `abandon` to close if there is no room for more
        if self.open_stdin:
            child_in, self._stdin = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self._stdin, False)
        else:
            child_in = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self._child_fds = [child_in]
        for stream in (STDOUT, STDERR):
            reader, writer = os.pipe2(os.O_CLOEXEC)
            self._readers[reader] = stream
            self._child_fds.append(writer)
        return self._child_fds

    def started(self) -> None:
        """Close the child's ends and begin to move bytes; the child has its own copies."""
        self._close_child_fds()
        if self._console is not None:
            self._take_terminal()
        for fd in self._readers:
            os.set_blocking(fd, False)
            _loop().add_reader(fd, self._read, fd)
        self._write()

    def drain(self) -> None:
        """Pass on what a process that has ended left in its pipes, whether or not clients have room.

        That is little.  Where a program left behind holds them open, reading then goes on as before.
        """
        for fd in list(self._readers):
            for _ in range(_LAST_READS):
                if fd not in self._readers or not self._read(fd):
                    break

    def abandon(self) -> None:
        """End a run, or give up one whose start failed: only now are clients told of the end.

        Who has seen the end of the output may then rely on the exit code being known.
        """
        self._close_child_fds()
        for fd in list(self._readers):
            _loop().remove_reader(fd)
            os.close(fd)
        self._readers.clear()
        if self._console is not None:
            self._console.close()
            self._console = None
        self._close_stdin()
        self._input.clear()
        self._input_ended = self._held = False
        self._tell_writers()
        clients, self._clients = self._clients, []
        for client in clients:
            client.finish()
        self._ended.set()

    async def ended(self) -> None:
        """Wait until all output of the run has been read and passed on."""
        await self._ended.wait()

    # --- clients

    def attach(self, client: Client) -> None:
        """Send `client` the output from now on."""
        self._clients.append(client)

    def detach(self, client: Client, wrote: bool = False) -> None:
        """Forget a client; one that could write ends a `stdin_once` input by leaving."""
        if client in self._clients:
            self._clients.remove(client)
        if wrote and self.stdin_once:
            self.end_input()
        self.resume()

    def resume(self) -> None:
        """Read on, if every client has room again."""
        if self._held and all(client.ready() for client in self._clients):
            self._held = False
            for fd in self._readers:
                _loop().add_reader(fd, self._read, fd)

    def write(self, data: bytes, when_drained: Callable[[], None]) -> bool:
        """Pass input on; return False if `when_drained` should be awaited before more is sent."""
        if not self.open_stdin or self._input_ended:
            return True
        self._input += data
        self._write()
        if len(self._input) < _INPUT_LIMIT:
            return True
        self._input_waiters.append(when_drained)
        return False

    def end_input(self) -> None:
        """Let the process see the end of its input, after what was written.

        A terminal has no end of input: there the process goes on, as with Docker.
        """
        if not self.terminal:
            self._input_ended = True
            self._write()

    def client_has_written_all(self) -> bool:
        """A client half-closed its connection: return whether it stays to listen, as with Docker.

        Where one client's end is not the input's end, such a client leaves.
        """
        if self.terminal or not self.stdin_once:
            return False
        self.end_input()
        return True

    def resize(self, rows: int, columns: int) -> None:
        """Set the terminal's size; kept for later if the terminal is not there yet."""
        self._size = (rows, columns)
        if self.terminal and self._stdin is not None:
            size = struct.pack("HHHH", rows, columns, 0, 0)
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._stdin, termios.TIOCSWINSZ, size)

    # --- moving bytes

    def _take_terminal(self) -> None:
        assert self._console is not None
        received = channel.receive(self._console)
        self._console.close()
        self._console = None
        if received is None or not received[1]:
            self._ended.set()
            return
        master = received[1][0]
        os.set_blocking(master, False)
        self._stdin = os.dup(master)
        self._readers = {master: STDOUT}
        if self._size is not None:
            self.resize(*self._size)

    def _read(self, fd: int) -> bool:
        """Pass on a piece of output; return False if there is none for now."""
        stream = self._readers[fd]
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            # a terminal whose last slave is closed answers EIO
            data = b""
        if not data:
            self._close_reader(fd)
            return False
        if self._log is not None:
            self._log(stream, data)
        for client in list(self._clients):
            client.send(stream, data)
        if not self._held and not all(client.ready() for client in self._clients):
            self._held = True
            for each in self._readers:
                _loop().remove_reader(each)
        return True

    def _close_reader(self, fd: int) -> None:
        _loop().remove_reader(fd)
        os.close(fd)
        del self._readers[fd]
        if not self._readers:
            self._ended.set()

    def _write(self) -> None:
        if self._stdin is None:
            return
        try:
            while self._input:
                sent = os.write(self._stdin, self._input[:_CHUNK])
                del self._input[:sent]
        except BlockingIOError:
            _loop().add_writer(self._stdin, self._write)
            return
        except OSError:
            # nobody reads any more: what is written is lost, as in any broken pipe
            self._input.clear()
            self._input_ended = self._input_ended or not self.terminal
        _loop().remove_writer(self._stdin)
        self._tell_writers()
        if self._input_ended and not self._input:
            self._close_stdin()

    def _tell_writers(self) -> None:
        waiters, self._input_waiters = self._input_waiters, []
        for waiter in waiters:
            waiter()

    def _close_stdin(self) -> None:
        if self._stdin is not None:
            _loop().remove_writer(self._stdin)
            os.close(self._stdin)
            self._stdin = None

    def _close_child_fds(self) -> None:
        for fd in self._child_fds:
            os.close(fd)
        self._child_fds = []


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
