"""A fresh engine in place of the one that runs."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from lab.errors import Conflict, Unavailable
from lab.jupyter.fresh import Engines
from lab.jupyter.keeper import State, Status

from ...conftest import until


class Noted:
    """An engine that notes what is done with it."""

    def __init__(self, log: list[str], kind: str = "lab") -> None:
        self.kind = kind
        self._log = log
        self._name = f"engine {sum(line.endswith('made') for line in log) + 1}"
        log.append(f"{self._name} made")

    @property
    def status(self) -> Status:
        return Status(State.READY)

    def start(self) -> None:
        self._log.append(f"{self._name} started")

    def stop(self) -> None:
        self._log.append(f"{self._name} stopped")


def test_folder_is_emptied_between_two_engines(tmp_path: Path) -> None:
    """Is the old engine stopped first, and the new one started last?"""
    log: list[str] = []
    mark = tmp_path / "emptied"
    engines = Engines(lambda: Noted(log), ["touch", str(mark)])
    engines.start()
    engines.again()
    assert mark.exists()
    assert log == [
        "engine 1 made",
        "engine 1 started",
        "engine 1 stopped",
        "engine 2 made",
        "engine 2 started",
    ]
    assert engines.status.state == State.READY


def test_failure_is_told_and_the_engine_is_back() -> None:
    """When the folder cannot be emptied, is that said, and an engine started all the same?"""
    log: list[str] = []
    complain = [sys.executable, "-c", "import sys; sys.exit('the disk is in the way')"]
    engines = Engines(lambda: Noted(log), complain)
    with pytest.raises(Unavailable, match="the disk is in the way"):
        engines.again()
    assert log[-1] == "engine 2 started"


def test_only_one_at_a_time_and_none_after_the_end(tmp_path: Path) -> None:
    """Is a second reset refused while one is under way, and each after the server's end?"""
    gate = tmp_path / "gate"
    wait = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)"
    engines = Engines(lambda: Noted([]), [sys.executable, "-c", wait])
    first = threading.Thread(target=engines.again)
    first.start()
    until(lambda: engines.status.state == State.STARTING)
    with pytest.raises(Conflict, match="already"):
        engines.again()
    gate.touch()
    first.join()
    assert engines.status.state == State.READY
    engines.stop()
    with pytest.raises(Conflict, match="stopped"):
        engines.again()


def test_a_learners_own_engine_is_left_alone() -> None:
    """Is a Docker Engine of the learner's own neither stopped nor emptied?"""
    log: list[str] = []
    engines = Engines(lambda: Noted(log, "docker"), ["false"])
    with pytest.raises(Conflict, match="of your own"):
        engines.again()
    assert log == ["engine 1 made"]
