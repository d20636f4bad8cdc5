"""An engine as a child process, with a stand-in for the engine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.errors import Unavailable
from lab.sandbox import process


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the program that is started in place of `python -m lab.cli engine ...`."""
    script = tmp_path / "engine.py"
    wrapper = tmp_path / "python"
    wrapper.write_text(f"#!/bin/sh\nexec {sys.executable} {script}\n")
    wrapper.chmod(0o755)
    monkeypatch.setattr(process.sys, "executable", str(wrapper))
    return script


def start(tmp_path: Path, limit: float = 10) -> process.EngineProcess:
    return process.start(tmp_path / "root", tmp_path / "s", limit=limit)


def test_what_is_said_never_blocks(engine: Path, tmp_path: Path) -> None:
    """Can an engine say more than any pipe holds, before and after it is ready?"""
    engine.write_text(
        "import sys\n"
        "sys.stderr.write('x' * 300000)\n"
        "print('ready', flush=True)\n"
        "sys.stderr.write('y' * 300000 + 'end')\n"
        "sys.stdin.read()\n"
    )
    running = start(tmp_path)
    assert running.host == f"unix://{tmp_path}/s"
    assert running.stop() == 0


def test_an_engine_that_cannot_start(engine: Path, tmp_path: Path) -> None:
    """Are its last words in the error?"""
    engine.write_text("import sys\nsys.exit('lab: no room')\n")
    with pytest.raises(Unavailable, match="the engine did not start: lab: no room"):
        start(tmp_path)
    engine.write_text("")
    with pytest.raises(Unavailable, match="it said nothing"):
        start(tmp_path)


def test_an_engine_that_never_answers(engine: Path, tmp_path: Path) -> None:
    """Is it given up after the time that it has, and ended?"""
    engine.write_text(
        "import sys\nsys.stderr.write('thinking')\nsys.stderr.flush()\nsys.stdin.read()\n"
    )
    with pytest.raises(Unavailable, match=r"thinking\nno answer within 0 seconds"):
        start(tmp_path, limit=0.3)


def test_an_engine_that_does_not_end(
    engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is it killed?"""
    engine.write_text("print('ready', flush=True)\nimport time\ntime.sleep(100)\n")
    running = start(tmp_path)
    monkeypatch.setattr(process, "STOP_LIMIT", 0.2)
    assert running.stop() == -9
