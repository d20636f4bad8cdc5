"""Lessons that were run, for tests of what they show: each is run once in each variant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.sandbox.process import EngineProcess
from tests.conftest import Start
from tests.notebooks.lessons import LESSONS, Ran, Variant, run, variants

_LESSON_OF_MODULE = re.compile(r"test_(\d\d_\w+)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that takes `ran` the lesson that its file is named for, else every lesson."""
    if "ran" in metafunc.fixturenames:
        named = _LESSON_OF_MODULE.fullmatch(metafunc.module.__name__.rpartition(".")[2])
        lessons = [named[1]] if named else LESSONS
        metafunc.parametrize("ran", list(variants(lessons)), indirect=True)


@pytest.fixture
def ran(request: pytest.FixtureRequest, runs: Callable[[Variant], Ran]) -> Ran:
    """A lesson, run to its end with no error."""
    return runs(request.param)


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, short_tmp: Path) -> Callable[[Variant], Ran]:
    """Runs a variant at its first use, and remembers what came of it."""
    known: dict[Variant, Ran | Exception] = {}

    def first(variant: Variant) -> Ran | Exception:
        name = "vm_engine" if variant.sandbox == "vm" else "engine"
        engine: EngineProcess = request.getfixturevalue(name)
        try:
            return run(variant, engine, short_tmp / "notebooks")
        except Exception as error:
            return error

    def find(variant: Variant) -> Ran:
        if variant not in known:
            known[variant] = first(variant)
        found = known[variant]
        if isinstance(found, Exception):
            raise found
        return found

    return find


@pytest.fixture(scope="session")
def vm_engine(start_vm: Start, short_tmp: Path) -> Iterator[EngineProcess]:
    """An engine in a microVM."""
    running = start_vm(short_tmp / "lessons-vm", short_tmp / "lessons-vm.sock")
    yield running
    assert running.stop() == 0
