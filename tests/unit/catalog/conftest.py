"""Settings of the catalog's tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# the machine may be busy: slowness is no failure here
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the disk: nothing here is read after the machine has lost its power."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)
