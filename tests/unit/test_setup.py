"""Tests of the set-up's steps for the microVM; what they make has tests of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import setup
from lab.config import Config
from lab.errors import Unavailable
from lab.microvm import build
from lab.sandbox.vm import engine_machine


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that were taken, with all but those of the microVM replaced."""
    taken: list[str] = []
    for name in ("_prepare_cli", "_prepare_catalog", "_prepare_exercises"):
        monkeypatch.setattr(
            setup, name, lambda config, say, name=name: taken.append(name.removeprefix("_prepare_"))
        )
    monkeypatch.setattr(build, "prepare", lambda *_: bool(taken.append("guest")))
    monkeypatch.setattr(build, "prepare_catalog", lambda *_: bool(taken.append("disk")))
    monkeypatch.setattr(engine_machine, "prepare_snapshot", lambda *_: bool(taken.append("saved")))
    return taken


def run(home: Path) -> list[str]:
    said: list[str] = []
    config = Config(home=home, socket=home / "docker.sock")
    assert setup.run(config, said.append) == 0
    return said


def test_images_come_between_guest_and_disk(tmp_path: Path, steps: list[str]) -> None:
    """Is the guest there before the images, which may be made in it, and their disk after them?"""
    run(tmp_path)
    assert steps == ["cli", "guest", "catalog", "disk", "saved", "exercises"]


def test_lab_without_microvm_is_said_in_one_line(
    tmp_path: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does the set-up go on where the microVM's parts cannot be had, and say why?"""

    def fail(*_: object) -> None:
        raise Unavailable("there is no apt-get here")

    monkeypatch.setattr(build, "prepare", fail)
    said = run(tmp_path)
    assert "microVM: none (there is no apt-get here)" in said
    assert "disk" not in steps
    assert "catalog" in steps


def test_guest_that_cannot_be_saved_is_no_failure(
    tmp_path: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does the set-up go on, and say so, where no started guest can be saved?"""

    def fail(*_: object) -> None:
        raise Unavailable("QEMU has ended")

    monkeypatch.setattr(engine_machine, "prepare_snapshot", fail)
    assert any("could not be saved (QEMU has ended)" in line for line in run(tmp_path))
    assert steps[-1] == "exercises"
