"""An engine as a child process: started, waited for, stopped.  For set-up, tests and measurements."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lab.errors import Unavailable

START_LIMIT = 30.0
STOP_LIMIT = 30.0


class EngineProcess:
    """A running `lab engine`; its standard input is the pipe that keeps it alive."""

    def __init__(self, process: subprocess.Popen[str], socket: Path) -> None:
        self.process = process
        self.socket = socket

    @property
    def host(self) -> str:
        """The value of DOCKER_HOST that leads here."""
        return f"unix://{self.socket}"

    def stop(self) -> int:
        """Stop the engine and return its exit code; it is killed if it does not end."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            code = self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
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
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    engine = EngineProcess(process, socket)
    said = _wait_ready(process, limit)
    if said is not None:
        engine.stop()
        raise Unavailable(f"the engine did not start: {said or 'it said nothing'}")
    return engine


@contextlib.contextmanager
def running(root: Path, socket: Path, *, catalog: Path | None = None) -> Iterator[EngineProcess]:
    """Run an engine for the time of the block."""
    engine = start(root, socket, catalog=catalog)
    try:
        yield engine
    finally:
        engine.stop()


def _wait_ready(process: subprocess.Popen[str], limit: float) -> str | None:
    """Return None when the engine has said `ready`, else what it said instead."""
    assert process.stdout is not None
    end = time.monotonic() + limit
    lines: list[str] = []
    fd = process.stdout.fileno()
    pending = b""
    while True:
        readable, _, _ = select.select([fd], [], [], max(0.0, end - time.monotonic()))
        if not readable:
            return "\n".join([*lines, f"no answer within {limit:.0f} seconds"])
        data = os.read(fd, 65536)
        pending += data
        *complete, pending = pending.split(b"\n")
        lines += [line.decode(errors="replace") for line in complete]
        if "ready" in lines:
            return None
        if not data:
            process.wait()
            return "\n".join([*lines, pending.decode(errors="replace")]).strip()
