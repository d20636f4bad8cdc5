"""The engine as a child of the Jupyter server: started, watched, started again, stopped.

The child reads its standard input until it ends.  That is a pipe whose other end only this process
holds: when the server goes, however it goes, the engine ends too.

    starting --"ready"--> ready --ended, a few times--> starting
       |                    |
       +--ended-------------+--ended too often--> failed
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

RESTARTS = 3
"""How often an engine that has worked is started again within `STEADY_SECONDS`."""

STEADY_SECONDS = 600.0

_READY = "ready"
_LOG_BYTES = 256 << 10
_LINE_BYTES = 8 << 10
_LAST_LINES = 3
_EOF_SECONDS = 15.0
_TERM_SECONDS = 5.0


class State(StrEnum):
    """Where the engine is in its life."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Status:
    """The engine's state, and a sentence for people; empty when there is nothing to say."""

    state: State
    message: str = ""


class EngineKeeper:
    """Runs `command` and keeps it running; a thread of its own watches it."""

    kind = "lab"

    def __init__(self, command: Sequence[str], log: Path, report: Callable[[str], None]) -> None:
        """`log` is the file that gets the engine's output; `report` is told what goes wrong."""
        self._command = list(command)
        self._log = log
        self._report = report
        self._lock = threading.Lock()
        self._status = Status(State.STARTING)
        self._stopping = False
        self._child: subprocess.Popen[bytes] | None = None
        self._watcher = threading.Thread(target=self._watch, name="engine", daemon=True)

    @property
    def status(self) -> Status:
        return self._status

    def start(self) -> None:
        """Start the engine; return at once."""
        self._watcher.start()

    def stop(self) -> None:
        """End the engine and wait for that: by end of file, then SIGTERM, then SIGKILL."""
        with self._lock:
            self._stopping = True
            child = self._child
        if child is not None:
            _close(child.stdin)
            self._watcher.join(_EOF_SECONDS)
            if child.poll() is None:
                child.terminate()
                self._watcher.join(_TERM_SECONDS)
            if child.poll() is None:
                child.kill()
        if self._watcher.is_alive():
            self._watcher.join()

    # --- in the watcher's thread

    def _watch(self) -> None:
        restarts = 0
        while True:
            began = time.monotonic()
            try:
                code, last_words = self._run_once()
            except OSError as error:
                return self._fail(f"the engine cannot be started: {error}")
            if self._stopping:
                return
            if self._status.state is not State.READY:
                return self._fail(last_words or f"the engine ended with exit code {code}")
            if time.monotonic() - began > STEADY_SECONDS:
                restarts = 0
            restarts += 1
            told = f"the engine ended unexpectedly ({_ending(code)})"
            if restarts > RESTARTS:
                return self._fail(f"{told}, for the {restarts}th time; see {self._log}")
            self._become(State.STARTING, f"{told}; it is started again ({restarts} of {RESTARTS})")

    def _run_once(self) -> tuple[int, str]:
        """Run the engine to its end; return its exit code and its last words."""
        with self._lock:
            if self._stopping:
                return 0, ""
            child = self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # a Ctrl-C at the server's terminal is the server's to answer
                start_new_session=True,
            )
        with child:
            assert child.stdout is not None
            last_words = self._read(child.stdout)
        return child.returncode, last_words

    def _read(self, output: IO[bytes]) -> str:
        latest: deque[str] = deque(maxlen=_LAST_LINES)
        with _Log(self._log) as log:
            while line := output.readline(_LINE_BYTES):
                log.write(line)
                text = line.decode(errors="replace").strip()
                if text == _READY:
                    self._become(State.READY)
                elif text:
                    latest.append(text)
        return " ".join(latest)

    def _fail(self, message: str) -> None:
        self._become(State.FAILED, message)

    def _become(self, state: State, message: str = "") -> None:
        self._status = Status(state, message)
        if message:
            self._report(message)


class _Log:
    """A file that is put aside as `.1` when it has grown, so that two small ones remain."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Log:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("ab", buffering=0)
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def write(self, line: bytes) -> None:
        try:
            if self._file.tell() + len(line) > _LOG_BYTES:
                self._put_aside()
            self._file.write(line)
        except OSError:
            pass  # a full disk must not stop the engine, which waits for its output to be read

    def _put_aside(self) -> None:
        if self._path.exists():
            os.replace(self._path, self._path.with_name(self._path.name + ".1"))
        # until a new one can be opened, the old one stays in use
        new = self._path.open("ab", buffering=0)
        self._file.close()
        self._file = new


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        try:
            stream.close()
        except OSError:
            pass  # the child is gone, and with it the pipe's other end


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
