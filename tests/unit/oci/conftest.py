"""Settings of the tests of records."""

from __future__ import annotations

from hypothesis import settings

# the machine may be busy: slowness is no failure here
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")
