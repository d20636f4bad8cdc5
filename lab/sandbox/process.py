"""An engine as a child process: started, waited for, stopped.  For set-up, tests and measurements."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lab.errors import Unavailable

START_LIMIT = 30.0
STOP_LIMIT = 30.0


class EngineProcess:
    """A running `lab engine`; its standard input is the pipe that keeps it alive.

    What it has to say on standard error goes to a file: in a pipe that nobody reads it would in the
    end make the engine wait.
    """

    def __init__(self, process: subprocess.Popen[bytes], socket: Path, said: IO[bytes]) -> None:
        self.process = process
        self.socket = socket
        self._said = said

    @property
    def host(self) -> str:
        """The value of DOCKER_HOST that leads here."""
        return f"unix://{self.socket}"

    def said(self) -> str:
        """Return what the engine has said so far, apart from `ready`."""
        size = os.fstat(self._said.fileno()).st_size
        return os.pread(self._said.fileno(), size, 0).decode(errors="replace").strip()

    def stop(self) -> int:
        """Stop the engine and return its exit code; it is killed if it does not end."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            code = self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        for stream in (self.process.stdout, self._said):
            if stream is not None:
                stream.close()
        return code


def start(
    root: Path,
    socket: Path,
    *,
    sandbox: str = "auto",
    catalog: Path | None = None,
    limit: float = START_LIMIT,
) -> EngineProcess:
    """Start an engine and return when it answers.

    Raises Unavailable with what the engine said if it ends before, or takes longer than `limit`
    seconds.
    """
    argv = [sys.executable, "-m", "lab.cli", "engine", "--root", str(root), "--socket", str(socket)]
    argv += ["--sandbox", sandbox, "--until-stdin-closes"]
    argv += ["--catalog", str(catalog) if catalog else ""]
    said = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the engine runs
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    engine = EngineProcess(process, socket, said)
    if not _is_ready(process, limit):
        ended = process.poll() is not None
        if ended:
            reason = engine.said() or "it said nothing"
        else:
            reason = f"{engine.said()}\nno answer within {limit:.0f} seconds".strip()
        engine.stop()
        raise Unavailable(f"the engine did not start: {reason}")
    return engine


@contextlib.contextmanager
def running(root: Path, socket: Path, *, catalog: Path | None = None) -> Iterator[EngineProcess]:
    """Run an engine for the time of the block."""
    engine = start(root, socket, catalog=catalog)
    try:
        yield engine
    finally:
        engine.stop()


def _is_ready(process: subprocess.Popen[bytes], limit: float) -> bool:
    """Wait until the engine says `ready`; False if it ends before, or does not within `limit`."""
    assert process.stdout is not None
    end = time.monotonic() + limit
    said = b""
    while b"ready\n" not in said:
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))
        data = os.read(process.stdout.fileno(), 4096) if readable else b""
        if readable and not data:
            process.wait()
        if not data:
            return False
        said += data
    return True
