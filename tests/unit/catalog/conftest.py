"""Settings of the catalog's tests."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the disk: nothing here is read after the machine has lost its power."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)
