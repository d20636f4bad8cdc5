"""What tests of widgets share: a place for the progress, and a shell in place of a kernel."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from lab.course.progress import Progress as Kept
from tests.unit.widgets.asking import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(tmp_path: Path, clock: Clock) -> Kept:
    return Kept(tmp_path / "state", clock)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell that runs cells, as a kernel's."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance()
    made.history_manager.enabled = False
    yield made
    atexit.unregister(made.atexit_operations)
    InteractiveShell.clear_instance()
