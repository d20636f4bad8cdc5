"""Engines that are not the lab's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .foreign import Foreign, real, stand_in


@pytest.fixture(scope="session", params=["stand-in", "dockerd"])
def foreign(request: pytest.FixtureRequest, short_tmp: Path, catalog: Path) -> Iterator[Foreign]:
    """A Docker Engine without the lab's extension, which has the catalog's images."""
    if request.param == "stand-in":
        with stand_in(request.getfixturevalue("engine"), short_tmp) as engine:
            yield engine
    else:
        with real(catalog, short_tmp / "dockerd") as engine:
            yield engine
