"""Settings of the catalog's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.catalog import images
from lab.catalog.release import Release

from .helpers import write_deb
from .making import PACKAGES, Setup


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the disk: nothing here is read after the machine has lost its power."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    for name in ("debs", "engines"):
        (tmp_path / name).mkdir()
    files = [write_deb(tmp_path / "debs", control, data) for control, data in PACKAGES]
    monkeypatch.setattr(images, "read_release", lambda: Release("bookworm", "12", "amd64"))
    monkeypatch.setattr(images, "require_apt", lambda: None)
    monkeypatch.setattr(images, "fetch_packages", lambda wanted, cache, release, report: files)
    return Setup(tmp_path / "home" / "catalog", tmp_path / "cache", tmp_path / "engines")
