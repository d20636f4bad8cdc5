"""Both snapshotters, and a way to look into what they mount."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.snapshot.base import Snapshotter

from .snapshots import FACTORIES, mounting_works, run


@pytest.fixture(params=sorted(FACTORIES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def snapshotter(kind: str, tmp_path: Path) -> Iterator[Snapshotter]:
    made = FACTORIES[kind](tmp_path)
    yield made
    made.close()


@pytest.fixture
def mounted(snapshotter: Snapshotter, kind: str, tmp_path: Path) -> Callable[[str, str], str]:
    """Runs a shell command in a mounted snapshot, given by its key."""
    if not mounting_works(kind):
        pytest.skip(f"mounting is refused here ({kind})")

    def run_in(key: str, command: str) -> str:
        return run(snapshotter.base, snapshotter.mounts(key), tmp_path / "mnt", command)

    return run_in
