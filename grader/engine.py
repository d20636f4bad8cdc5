"""A fresh engine for one submission."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grader
from grader.errors import EngineUnreachable
from grader.workspace import Workspace, abandoned
from lab.errors import LabError
from lab.sandbox import process

_PROGRAMS = Path(grader.__file__).resolve().parents[1]
_REMOVE = (
    "import sys, pathlib; from lab.sandbox.reset import remove; remove(pathlib.Path(sys.argv[1]))"
)


@contextmanager
def fresh_engine(space: Workspace, catalog: Path | None) -> Iterator[str]:
    """Run an engine with nothing in it but the official images to pull; yield where it listens.

    What is yielded is a DOCKER_HOST for this process alone: it leads to the socket that the engine
    made, even if a submission should put another one in its place.  Raises EngineUnreachable.
    """
    try:
        engine = process.start(space.engine, space.socket, catalog=catalog)
    except (LabError, OSError) as error:
        _remove(space.engine)
        reason = error.message if isinstance(error, LabError) else str(error)
        raise EngineUnreachable(
            f"no engine could be started to grade with: {reason}",
            hint=getattr(error, "hint", ""),
        ) from error
    held = os.open(space.socket, os.O_PATH | os.O_CLOEXEC)
    try:
        yield f"unix:///proc/self/fd/{held}"
    finally:
        os.close(held)
        engine.stop()
        _remove(space.engine)


def sweep() -> None:
    """Delete what graders left that were killed."""
    for space in abandoned():
        _remove(space.engine)


def _remove(root: Path) -> None:
    # its files belong to ids of the sandbox, which only a single-threaded process can become
    subprocess.run(
        [sys.executable, "-c", _REMOVE, str(root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=_PROGRAMS,
        check=False,
    )
